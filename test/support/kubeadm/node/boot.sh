#!/bin/bash
# First process of a node, in namespaces of its own: boot.sh FOLDER NAME IP. Ends with its standard input, and with it
# everything on the node does, since it is process 1 of its PID namespace.
set -e
folder=$1 name=$2 ip=$3
mount --make-rprivate /
mount -t proc proc /proc
# /sys shows the interfaces of the namespace in which it was mounted. Control groups are not used here, but looked at:
# a modern machine has version 2 with all controllers, whatever this one has.
umount -R -l /sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo 'cpuset cpu io memory hugetlb pids rdma misc' >"$folder/controllers"
mount --bind "$folder/controllers" /sys/fs/cgroup/cgroup.controllers
for dir in etc var root opt usr/local; do
  upper=$folder/disk/${dir//\//_}
  mkdir -p "$upper" "$upper.work"
  mount -t overlay overlay -o "lowerdir=/$dir,upperdir=$upper,workdir=$upper.work" "/$dir"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/stand-in /run/lock /run/secrets
cp "$folder/node.json" /run/stand-in/node.json
# Settings that are no namespace's: the node has its own, so that the machine keeps its.
mkdir -p "$folder/sysctl"
for key in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops; do
  own=$folder/sysctl/${key//\//.}
  # Power takes them along.
  cat "/proc/sys/$key" >"$own"
  mount --bind "$own" "/proc/sys/$key"
done
# Swap of the machine is not of the node.
mount --bind "$folder/swaps" /proc/swaps
hostname "$name"
if [ ! -e "$folder/installed" ]; then
  rm -rf /etc/kubernetes /etc/cni /opt/cni /var/lib/kubelet /var/lib/etcd /var/lib/kubevip /var/lib/containerd /root/.kube
  echo "$name" >/etc/hostname
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n%s %s\n' "$ip" "$name" >/etc/hosts
  echo -n "$name" | md5sum | cut -c1-32 >/etc/machine-id
  mkdir -p /etc/cni/net.d /var/log/containers
  echo '{"cniVersion":"1.0.0","name":"pods","plugins":[]}' >/etc/cni/net.d/10-pods.conflist
  touch "$folder/installed"
fi
export PATH=${folder%/nodes/*}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
systemctl boot
echo booted
# bash reaps what is orphaned while it waits.
cat >/dev/null
