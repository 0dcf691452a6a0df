import type { Controller, Obstacle } from "./group-trees.ts";

/** Why a machine has no groups for a controller, and the commands that would change it, to be run as they are. */
export type Advice = { reason: string; commands: readonly string[] };

const MOUNT_DIR = "/sys/fs/cgroup";
const START_IN_SCOPE =
  "systemd-run --user --scope -p Delegate=yes sh -c 'CGROUP_PARENT=$(sed -n s/^0:://p /proc/self/cgroup) exec npm start'";

export function adviceFor(controller: Controller, obstacle: Obstacle, uid: number): Advice {
  const { reason, commands } = sayFor(controller, obstacle, uid);
  return { reason, commands: uid === 0 ? commands.map((command) => command.replaceAll("sudo ", "")) : commands };
}

function sayFor(controller: Controller, obstacle: Obstacle, uid: number): Advice {
  switch (obstacle.kind) {
    case "not_mounted":
      return {
        reason: "the kernel has it not, or its hierarchy is not mounted here",
        commands: [
          `grep ${controller} /proc/cgroups   # enabled 0: start the kernel with cgroup_enable=${controller}; 1: run where ${MOUNT_DIR} is mounted`,
        ],
      };
    case "in_anothers_group":
      return {
        reason: `something else put this process into the group ${obstacle.group}, which is not ours to divide`,
        commands: obstacle.version === 1 ? makeGroup(controller, uid) : delegate(obstacle.group, uid),
      };
    case "no_such_group":
      return {
        reason: `CGROUP_PARENT names a group that isn't there: ${obstacle.dir}`,
        commands: [`sudo mkdir ${obstacle.dir}`, ...handOver(obstacle.dir, uid)],
      };
    case "not_writable":
      return { reason: `${obstacle.dir} is not writable for this account`, commands: unlock(obstacle.dir, uid) };
    case "has_processes":
      return {
        reason: `${obstacle.dir} has processes of its own, and such a group hands no controllers down`,
        commands: [
          `sudo mkdir ${obstacle.dir}/sluice`,
          `echo +${controller} | sudo tee ${obstacle.dir}/cgroup.subtree_control   # refused while processes are in it: move them into a group below it first`,
          setParent(`${obstacle.dir}/sluice`),
        ],
      };
    case "not_handed_down":
      return {
        reason: `the group above ${obstacle.dir} keeps ${controller} to itself`,
        commands: [`echo +${controller} | sudo tee ${parentOf(obstacle.dir)}/cgroup.subtree_control`],
      };
    case "threaded":
      return {
        reason: `${obstacle.dir} is a threaded group, which has no groups with ${controller} below it`,
        commands: [`sudo mkdir ${MOUNT_DIR}/sluice`, setParent(`${MOUNT_DIR}/sluice`)],
      };
    case "no_way_in":
      return {
        reason: `an ordinary user moves processes only below a group that is its own, and ${obstacle.dir} is not`,
        commands: [START_IN_SCOPE],
      };
  }
}

function makeGroup(controller: Controller, uid: number): string[] {
  const dir = `${MOUNT_DIR}/${controller}/sluice`;
  return [`sudo mkdir ${dir}`, ...handOver(dir, uid), setParent("/sluice")];
}

/** A unit of systemd has what is its own handed to it; other groups of version 2 are made at the top. */
function delegate(group: string, uid: number): string[] {
  const unit = /([^/]+\.service)$/.exec(group)?.[1];
  if (unit !== undefined) {
    const lines = `[Service]\\nDelegate=yes\\nEnvironment=CGROUP_PARENT=${group}\\n`;
    const dropIn = `/etc/systemd/system/${unit}.d`;
    return [
      `sudo mkdir -p ${dropIn} && printf '${lines}' | sudo tee ${dropIn}/sluice.conf`,
      `sudo systemctl daemon-reload && sudo systemctl restart ${unit}`,
    ];
  }
  if (uid !== 0) return [START_IN_SCOPE];
  return [
    `echo "+memory +cpu +pids" > ${MOUNT_DIR}/cgroup.subtree_control && sudo mkdir ${MOUNT_DIR}/sluice`,
    setParent("/sluice"),
  ];
}

function unlock(dir: string, uid: number): string[] {
  if (uid !== 0) return handOver(dir, uid);
  return [`mount -o remount,rw ${MOUNT_DIR}   # in a container: start it with its own writable cgroup namespace`];
}

function handOver(dir: string, uid: number): string[] {
  return uid === 0 ? [] : [`sudo chown -R ${uid} ${dir}`];
}

function setParent(path: string): string {
  return `CGROUP_PARENT=${path.replace(MOUNT_DIR, "")}   # in .env, then start Sluice again`;
}

function parentOf(dir: string): string {
  return dir.slice(0, Math.max(dir.lastIndexOf("/"), MOUNT_DIR.length));
}
