/** apps/v1 Deployment, ReplicaSet and DaemonSet, autoscaling/v1 Scale. */
import { kindSchema, labelSelector } from './meta.ts';
import { podTemplateSpec } from './pod.ts';
import { bool, int32, int64, intOrString, listMap, string, struct, time, type Schema } from './schema.ts';

const APPS = 'io.k8s.api.apps.v1';

const strategy = struct(
  `${APPS}.DeploymentStrategy`,
  {
    type: string,
    rollingUpdate: struct(`${APPS}.RollingUpdateDeployment`, { maxUnavailable: intOrString, maxSurge: intOrString }),
  },
  { retainKeys: true },
);

const conditions = (kind: string, more: Readonly<Record<string, Schema>> = {}) =>
  listMap(
    struct(`${APPS}.${kind}Condition`, {
      type: string,
      status: string,
      lastTransitionTime: time,
      reason: string,
      message: string,
      ...more,
    }),
    ['type'],
  );

export const deployment = kindSchema(`${APPS}.Deployment`, {
  spec: struct(
    `${APPS}.DeploymentSpec`,
    {
      replicas: int32,
      selector: labelSelector,
      template: podTemplateSpec,
      strategy,
      minReadySeconds: int32,
      revisionHistoryLimit: int32,
      paused: bool,
      progressDeadlineSeconds: int32,
    },
    { required: ['selector', 'template'] },
  ),
  status: struct(`${APPS}.DeploymentStatus`, {
    observedGeneration: int64,
    replicas: int32,
    updatedReplicas: int32,
    readyReplicas: int32,
    availableReplicas: int32,
    unavailableReplicas: int32,
    terminatingReplicas: int32,
    conditions: conditions('Deployment', { lastUpdateTime: time }),
    collisionCount: int32,
  }),
});

export const replicaSet = kindSchema(`${APPS}.ReplicaSet`, {
  spec: struct(
    `${APPS}.ReplicaSetSpec`,
    { replicas: int32, minReadySeconds: int32, selector: labelSelector, template: podTemplateSpec },
    { required: ['selector'] },
  ),
  status: struct(`${APPS}.ReplicaSetStatus`, {
    replicas: int32,
    fullyLabeledReplicas: int32,
    readyReplicas: int32,
    availableReplicas: int32,
    terminatingReplicas: int32,
    observedGeneration: int64,
    conditions: conditions('ReplicaSet'),
  }),
});

export const daemonSet = kindSchema(`${APPS}.DaemonSet`, {
  spec: struct(
    `${APPS}.DaemonSetSpec`,
    {
      selector: labelSelector,
      template: podTemplateSpec,
      updateStrategy: struct(`${APPS}.DaemonSetUpdateStrategy`, {
        type: string,
        rollingUpdate: struct(`${APPS}.RollingUpdateDaemonSet`, { maxUnavailable: intOrString, maxSurge: intOrString }),
      }),
      minReadySeconds: int32,
      revisionHistoryLimit: int32,
    },
    { required: ['selector', 'template'] },
  ),
  status: struct(
    `${APPS}.DaemonSetStatus`,
    {
      currentNumberScheduled: int32,
      numberMisscheduled: int32,
      desiredNumberScheduled: int32,
      numberReady: int32,
      observedGeneration: int64,
      updatedNumberScheduled: int32,
      numberAvailable: int32,
      numberUnavailable: int32,
      collisionCount: int32,
      conditions: conditions('DaemonSet'),
    },
    { required: ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'] },
  ),
});

export const scale = kindSchema('io.k8s.api.autoscaling.v1.Scale', {
  spec: struct('io.k8s.api.autoscaling.v1.ScaleSpec', { replicas: int32 }),
  status: struct('io.k8s.api.autoscaling.v1.ScaleStatus', { replicas: int32, selector: string }),
});
