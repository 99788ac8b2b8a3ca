/**
 * The scripts of the automation's steps. They are in Python, because Systems Manager runs Python,
 * and because an `aws:executeAwsApi` step cannot call the region of the old primary. Systems
 * Manager stops a script after 600 s.
 *
 * Each step is `def NAME(events, context)`. `events` holds its settings, and its return value holds
 * the outputs of the step. The text of the scripts is part of the automation document.
 */

/**
 * Functions that all scripts share. Calls across regions fail early: a region that does not answer
 * is a fact to record, and is not waited for.
 */
const COMMON = `
import json, time
import boto3
from botocore.config import Config

QUICK = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})

def client(service, region=None):
    return boto3.client(service, region_name=region, config=QUICK)

def instance(region, identifier):
    return client("rds", region).describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

def probe(name, action):
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps({"action": action}).encode())
    body = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise Exception(body.get("errorMessage", "the probe failed"))
    return body

def yes(value):
    return str(value).lower() in ("yes", "true")

def name_of(error):
    return getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)

UNREACHABLE = ("ConnectTimeoutError", "ReadTimeoutError", "EndpointConnectionError", "ConnectionClosedError", "ConnectionError",
               "ProxyConnectionError", "SSLError", "HTTPClientError", "RequestTimeout")

def unreachable(error):
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return name_of(error) in UNREACHABLE or status >= 500

def deleted(error):
    return name_of(error).startswith("DBInstanceNotFound")
`;

const INSPECT = `
def inspect(events, context):
    hub = instance(None, events["Hub"])
    old = {"status": "unreachable", "groups": []}
    try:
        found = instance(events["OldRegion"], events["OldPrimary"])
        old = {"status": found["DBInstanceStatus"], "groups": [g["VpcSecurityGroupId"] for g in found["VpcSecurityGroups"]]}
    except Exception as error:
        if not unreachable(error) and not deleted(error):
            raise
        old["status"] = "deleted" if deleted(error) else "unreachable"
    at = probe(events["Probe"], "position")
    following = "ReadReplicaSourceDBInstanceIdentifier" in hub
    # Caught up with a source that is up: what is lost is what has not been sent. Otherwise, all since the last replayed commit may be.
    # A hub that has replayed no commit since it started does not know how old its last one is: as much as anybody can accept.
    loss = 999999 if at["ageSeconds"] is None else at["ageSeconds"]
    if not at["inRecovery"] or (old["status"] == "available" and at["receiving"] and at["drained"]):
        loss = 0
    return {
        "Following": "yes" if following else "no",
        "HubStatus": hub["DBInstanceStatus"],
        "BackupRetention": str(hub["BackupRetentionPeriod"]),
        "HubSource": hub.get("ReadReplicaSourceDBInstanceIdentifier", ""),
        "LossSeconds": str(int(loss + 0.999)),
        "OldStatus": old["status"],
        "OldGroups": ",".join(old["groups"]),
    }
`;

const ASSESS = `
def assess(events, context):
    seen = events["Inspected"]
    wrong = []
    if seen["HubStatus"] != "available":
        wrong.append("The hub is " + seen["HubStatus"] + ", not available.")
    if int(seen["BackupRetention"]) < 1:
        wrong.append("The hub has no automatic backups, so nothing could follow it and nothing could be restored.")
    if yes(seen["Following"]):
        followed = seen["HubSource"].split(":")[-1]
        if followed != events["OldPrimary"]:
            wrong.append("The hub follows " + followed + ", not " + events["OldPrimary"] + ".")
        if int(seen["LossSeconds"]) > int(events["AcceptedLossSeconds"]):
            wrong.append("Up to " + str(seen["LossSeconds"]) + " s of commits would be lost, and " + str(events["AcceptedLossSeconds"]) + " s are accepted.")
    if seen["OldStatus"] in ("unreachable", "deleted") and not yes(events["AllowUnfenced"]):
        wrong.append("The old primary is " + seen["OldStatus"] + ", so it cannot be fenced, and AllowUnfenced is false.")
    verdict = "ready"
    permissions = client("iam")
    for actions, resource in events["Permissions"]:
        try:
            answer = permissions.simulate_principal_policy(PolicySourceArn=events["Role"], ActionNames=actions, ResourceArns=[resource])
        except Exception as error:
            # IAM is run from one region, which may be the one that failed. Permissions work without it.
            if not unreachable(error):
                raise
            verdict = "ready, but IAM does not answer: permissions were not checked"
            break
        for result in answer["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                wrong.append(result["EvalActionName"] + " on " + resource + " is not allowed (" + result["EvalDecision"] + ").")
    if wrong:
        raise Exception(" ".join(wrong))
    return {"Verdict": verdict}
`;

const FENCE = `
class NotFenced(Exception):
    pass

def fence(events, context):
    region, identifier = events["OldRegion"], events["OldPrimary"]
    end = time.time() + events["TimeoutSeconds"]
    try:
        groups = client("ec2", region).describe_security_groups(Filters=[{"Name": "group-name", "Values": [events["FenceGroup"]]}])["SecurityGroups"]
        if len(groups) != 1:
            raise Exception("There must be one security group " + events["FenceGroup"] + " in " + region + ", got " + str(len(groups)) + ".")
        group = groups[0]["GroupId"]
        if groups[0].get("IpPermissions"):
            raise Exception(group + " lets somebody in: it is no fence. Remove its rules.")
        rds = client("rds", region)
        def attached(found):
            return [g["VpcSecurityGroupId"] for g in found["VpcSecurityGroups"] if g.get("Status", "active") != "removing"]
        rebooted = False
        while True:
            failed = None
            try:
                found = instance(region, identifier)
                status = found["DBInstanceStatus"]
                closed = attached(found) == [group] and all(g.get("Status", "active") == "active" for g in found["VpcSecurityGroups"])
                if closed and rebooted and status == "available":
                    return {"OldPrimary": "fenced"}
                if attached(found) != [group]:
                    rds.modify_db_instance(DBInstanceIdentifier=identifier, VpcSecurityGroupIds=[group], ApplyImmediately=True)
                # Groups are asked when a connection is opened: those that are open would go on writing. An instance with replicas cannot be stopped.
                elif closed and not rebooted and status == "available":
                    rds.reboot_db_instance(DBInstanceIdentifier=identifier)
                    rebooted = True
            except Exception as error:
                # One call that is lost is no region that is gone, and what is busy with a backup is not busy for ever.
                if not unreachable(error) and not name_of(error).startswith("InvalidDBInstanceState"):
                    raise
                failed = error
            if time.time() > end:
                if failed is not None and unreachable(failed):
                    raise failed
                text = identifier + " is " + status + (", behind the closed group" if closed else ", and not behind the closed group yet") + ", after " + str(events["TimeoutSeconds"]) + " s."
                raise Exception(text) if rebooted or status == "available" else NotFenced(text)
            time.sleep(events["PollSeconds"])
    except Exception as error:
        if yes(events["AllowUnfenced"]) and (isinstance(error, NotFenced) or unreachable(error) or deleted(error)):
            return {"OldPrimary": "unreachable"}
        raise
`;

const CATCH_UP = `
def catch_up(events, context):
    end = time.time() + events["TimeoutSeconds"]
    before = None
    while True:
        try:
            at = probe(events["Probe"], "position")
            # Connected again after the reboot, still, and all replayed: the old primary takes no more writes, so nothing is on its way.
            if at["receiving"] and at["drained"] and before == at["received"]:
                return {"CaughtUp": at["replayed"]}
            before = at["received"]
            seen = "it has received " + str(at["received"]) + " and replayed " + str(at["replayed"])
        except Exception as error:
            before, seen = None, str(error)
        if time.time() > end:
            raise Exception("The hub has not caught up after " + str(events["TimeoutSeconds"]) + " s: " + seen)
        time.sleep(events["PollSeconds"])
`;

const PROMOTE = `
def promote(events, context):
    rds = client("rds")
    end = time.time() + events["TimeoutSeconds"]
    while True:
        try:
            if "ReadReplicaSourceDBInstanceIdentifier" in instance(None, events["Hub"]):
                rds.promote_read_replica(DBInstanceIdentifier=events["Hub"])
            return {"Promoted": events["Hub"]}
        except Exception as error:
            # An answer that is lost is no refusal. RDS may be promoting, and then refuses a second request until it has.
            if not unreachable(error) and not name_of(error).startswith("InvalidDBInstanceState"):
                raise
            if time.time() > end:
                raise
        time.sleep(events["PollSeconds"])
`;

const VERIFY = `
def verify(events, context):
    end = time.time() + events["TimeoutSeconds"]
    while True:
        hub = instance(None, events["Hub"])
        status = hub["DBInstanceStatus"]
        reason = "it is " + status
        if status == "available" and "ReadReplicaSourceDBInstanceIdentifier" not in hub:
            try:
                return {"Written": probe(events["Probe"], "write")["lsn"]}
            except Exception as error:
                reason = str(error)
        if time.time() > end:
            raise Exception(events["Hub"] + " takes no writes after " + str(events["TimeoutSeconds"]) + " s: " + reason)
        time.sleep(events["PollSeconds"])
`;

const REPOINT = `
def repoint(events, context):
    route53 = client("route53")
    waiting = []
    for record in events["Records"]:
        change = {"Action": "UPSERT", "ResourceRecordSet": record["set"]}
        answer = route53.change_resource_record_sets(HostedZoneId=record["zone"], ChangeBatch={"Comment": "Promotion of " + events["Hub"], "Changes": [change]})
        waiting.append(answer["ChangeInfo"]["Id"])
    end = time.time() + events["TimeoutSeconds"]
    for change in waiting:
        while route53.get_change(Id=change)["ChangeInfo"]["Status"] != "INSYNC":
            if time.time() > end:
                raise Exception(change + " has not spread after " + str(events["TimeoutSeconds"]) + " s.")
            time.sleep(events["PollSeconds"])
    return {"Repointed": ",".join(record["set"]["Name"] for record in events["Records"])}
`;

const REPORT = `
def report(events, context):
    if yes(events["Drill"]):
        text = "Drill: nothing was changed. Up to " + str(events["Inspected"]["LossSeconds"]) + " s of commits would be lost."
    else:
        text = events["Hub"] + " is the primary. The deployment file must say so before the next deployment: docs/operations/failover.md."
    return {"Report": text}
`;

/** The script of each step, and the function in it that is called. */
export const PROMOTION_SCRIPTS = {
  inspect: { handler: 'inspect', script: COMMON + INSPECT },
  assess: { handler: 'assess', script: COMMON + ASSESS },
  fence: { handler: 'fence', script: COMMON + FENCE },
  catchUp: { handler: 'catch_up', script: COMMON + CATCH_UP },
  promote: { handler: 'promote', script: COMMON + PROMOTE },
  verify: { handler: 'verify', script: COMMON + VERIFY },
  repoint: { handler: 'repoint', script: COMMON + REPOINT },
  report: { handler: 'report', script: COMMON + REPORT },
} as const;
