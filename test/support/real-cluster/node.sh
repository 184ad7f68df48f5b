#!/bin/bash
# PID 1 of a node: node.sh NAME FOLDER HOSTS. Its namespaces are there already; KUBE_LAB_DIR has the binaries. What the node
# writes is in FOLDER, on a disk, and so is there again after a power cut.
set -eu
name=$1 folder=$2 hosts=$3 lab=$KUBE_LAB_DIR

mount --make-rprivate /
mount -t proc proc /proc
for dir in etc var opt root usr/local; do
  layer=$folder/overlay/${dir//\//-}
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$layer/upper,workdir=$layer/work" "/$dir"
done
mount -t tmpfs -o mode=755 tmpfs /run
# Overlays cannot lie on overlays, and etcd wants a file system of its own kind.
for dir in containerd kubelet etcd; do
  mkdir -p "$folder/disk/$dir" "/var/lib/$dir"
  mount --bind "$folder/disk/$dir" "/var/lib/$dir"
done

# Version 1 of control groups, each hierarchy rooted where this node is in it.
mount -t sysfs sysfs /sys 2>/dev/null || true # `ip netns exec` has done that
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
sed -n 's/^[1-9][0-9]*:\([^:]\+\):.*/\1/p' /proc/self/cgroup | while read -r controllers; do
  mkdir -p "/sys/fs/cgroup/${controllers#name=}"
  case $controllers in
    name=*) mount -t cgroup -o "none,$controllers" cgroup "/sys/fs/cgroup/${controllers#name=}" ;;
    *) mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers" ;;
  esac
done

# kubelet sets these for the whole machine, which keeps its own.
mkdir -p "$folder/settings"
while read -r key value; do
  [ -e "$folder/settings/$key" ] || echo "$value" > "$folder/settings/$key"
  mount --bind "$folder/settings/$key" "/proc/sys/${key//.//}"
done <<SETTINGS
vm.overcommit_memory 1
vm.panic_on_oom 0
kernel.panic 10
kernel.panic_on_oops 1
kernel.keys.root_maxkeys 1000000
kernel.keys.root_maxbytes 25000000
SETTINGS
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

hostname "$name"
if [ ! -e "$folder/installed" ]; then
  # As a fresh machine with containerd: nothing of what this one may have.
  rm -rf /etc/cni/net.d/* /etc/kubernetes /root/.kube /var/log/pods /var/log/containers
  mkdir -p /etc/cni/net.d /opt/cni /etc/containerd /etc/kubernetes
  ln -sfn "$lab/rt/usr/lib/cni" /opt/cni/bin
  echo "$name" > /etc/hostname
  { echo '127.0.0.1 localhost'; echo '::1 localhost ip6-localhost'; echo "$hosts" | tr ';' '\n'; } > /etc/hosts
  rm -f /etc/resolv.conf
  echo 'nameserver 10.77.0.1' > /etc/resolv.conf
  printf %s "$name" | md5sum | cut -c1-32 > /etc/machine-id
  cat > /etc/containerd/config.toml <<CONFIG
version = 3
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.2"
[plugins.'io.containerd.cri.v1.runtime']
  # Some machines do not let anybody protect a process better than it was.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
      BinaryName = "$lab/rt12/usr/sbin/runc"
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["$lab/rt/usr/lib/cni"]
    conf_dir = "/etc/cni/net.d"
CONFIG
  touch "$folder/installed"
fi
mount --make-rshared /

run_containerd() { exec containerd >> /var/log/containerd.log 2>&1; }
# As the unit of Kubernetes' packages has it.
run_kubelet() {
  [ -s /var/lib/kubelet/config.yaml ] || exit 1
  KUBELET_KUBEADM_ARGS=
  . /var/lib/kubelet/kubeadm-flags.env 2>/dev/null
  exec kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf \
    --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS >> /var/log/kubelet.log 2>&1
}

set +e
mkdir -p /run/services
touch /run/services/containerd.wanted
[ -s /var/lib/kubelet/config.yaml ] && touch /run/services/kubelet.wanted
while :; do
  for unit in containerd kubelet; do
    [ -e /run/services/$unit.wanted ] || continue
    pid=$(cat /run/services/$unit.pid 2>/dev/null)
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && continue
    run_$unit &
    echo $! > /run/services/$unit.pid
  done
  sleep 0.3
done
