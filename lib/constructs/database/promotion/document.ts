/**
 * The plan of a promotion as an automation document of Systems Manager: "Automation runbook schema
 * 0.3", AWS Systems Manager user guide.
 */
import {
  isChoice,
  PROMOTION_PLAN,
  type PromotionChoice,
  type PromotionChoiceName,
  type PromotionFacts,
  type PromotionStep,
  type PromotionStepName,
} from './plan';
import { PROMOTION_SCRIPTS } from './scripts';

/** A record set in the form of Route 53's API. */
export interface RecordSet {
  readonly Name: string;
  readonly Type: 'A' | 'CNAME';
  readonly [property: string]: unknown;
}

/** The settings of the document. All of them may be tokens. */
export interface PromotionDocumentSettings {
  readonly roleArn: string;
  readonly hub: string;
  readonly oldRegion: string;
  readonly oldPrimary: string;
  readonly fenceGroup: string;
  readonly probe: string;
  readonly records: readonly { readonly zone: string; readonly set: RecordSet }[];
  /** Actions on one resource, for which the document checks the permissions of the role. */
  readonly permissions: readonly (readonly [actions: readonly string[], resource: string])[];
  readonly acceptedLossSeconds: number;
  readonly approval?: {
    readonly approvers: readonly string[];
    readonly required: number;
    readonly timeoutSeconds: number;
    readonly topicArn?: string;
  };
}

/**
 * Systems Manager stops a script after 600 s. A script ends itself before, with a reason; its last
 * call to a region that does not answer may take 80 s.
 */
const SCRIPT_SECONDS = 600;
const WAIT_SECONDS = 480;
const POLL_SECONDS = 10;

/**
 * Attempts of a step, 1 by default. A promotion takes RDS minutes, and longer the more there is to
 * replay. `verify` may therefore wait longer than one script may run.
 */
const ATTEMPTS: Partial<Record<PromotionStepName, number>> = { inspect: 2, verify: 6, repoint: 2 };

/** The variable of each fact that a choice reads. */
const FACTS: Record<keyof PromotionFacts, string> = {
  drill: '{{ Drill }}',
  following: '{{ inspect.Following }}',
  oldPrimary: '{{ fence.OldPrimary }}',
};

/** The outputs of each step, for later steps, choices and people. */
const OUTPUTS: Partial<Record<PromotionStepName, readonly string[]>> = {
  inspect: [
    'Following',
    'HubStatus',
    'BackupRetention',
    'HubSource',
    'LossSeconds',
    'OldStatus',
    'OldGroups',
  ],
  assess: ['Verdict'],
  fence: ['OldPrimary'],
  catchUp: ['CaughtUp'],
  promote: ['Promoted'],
  verify: ['Written'],
  repoint: ['Repointed'],
  report: ['Report'],
};

/** The content of the document. */
export function promotionDocument(settings: PromotionDocumentSettings): object {
  return {
    schemaVersion: '0.3',
    description:
      `Makes ${settings.hub} the primary in place of ${settings.oldPrimary} in ` +
      `${settings.oldRegion}. With Drill, only looks.`,
    assumeRole: settings.roleArn,
    parameters: {
      Drill: { type: 'Boolean', default: true, description: 'Look only, and change nothing.' },
      AcceptedLossSeconds: {
        type: 'Integer',
        default: settings.acceptedLossSeconds,
        description: 'The most seconds of commits that may be lost.',
      },
      AllowUnfenced: {
        type: 'Boolean',
        default: false,
        description:
          'Go on when the old primary cannot be fenced: its region does not answer, or RDS ' +
          'cannot change or reboot it. It may still take writes there, which are lost.',
      },
    },
    mainSteps: PROMOTION_PLAN.filter(
      ({ name }) => name !== 'approve' || settings.approval !== undefined,
    ).map((node) => (isChoice(node) ? branch(node, settings) : step(node, settings))),
    outputs: ['inspect.LossSeconds', 'inspect.OldGroups', 'fence.OldPrimary', 'report.Report'],
  };
}

function target(next: PromotionStep['next'], { approval }: PromotionDocumentSettings): string {
  return next === 'approve' && approval === undefined ? 'fence' : next;
}

function branch(choice: PromotionChoice, settings: PromotionDocumentSettings): object {
  const equals =
    typeof choice.equals === 'boolean' && choice.fact === 'drill'
      ? { BooleanEquals: choice.equals }
      : { StringEquals: choice.equals === true ? 'yes' : choice.equals };
  return {
    name: choice.name as PromotionChoiceName,
    action: 'aws:branch',
    inputs: {
      Choices: [
        { NextStep: target(choice.yes, settings), Variable: FACTS[choice.fact], ...equals },
      ],
      Default: target(choice.no, settings),
    },
  };
}

function step(node: PromotionStep, settings: PromotionDocumentSettings): object {
  const common = {
    name: node.name,
    description: `${node.does}\nIf it fails: ${node.ifItFails}`,
    onFailure: 'Abort',
    ...(node.next === 'end' ? { isEnd: true } : { nextStep: target(node.next, settings) }),
  };
  const { approval } = settings;
  if (node.name === 'approve') {
    return {
      ...common,
      action: 'aws:approve',
      timeoutSeconds: approval?.timeoutSeconds,
      inputs: {
        Approvers: approval?.approvers,
        MinRequiredApprovals: approval?.required,
        Message:
          `Promote ${settings.hub}? Up to {{ inspect.LossSeconds }} s of commits may be lost, ` +
          'and there is no way back.',
        ...(approval?.topicArn === undefined ? {} : { NotificationArn: approval.topicArn }),
      },
    };
  }
  const { handler, script } = PROMOTION_SCRIPTS[node.name];
  return {
    ...common,
    action: 'aws:executeScript',
    maxAttempts: ATTEMPTS[node.name] ?? 1,
    timeoutSeconds: SCRIPT_SECONDS,
    inputs: {
      Runtime: 'python3.11',
      Handler: handler,
      InputPayload: payload(node.name, settings),
      Script: script.trim(),
    },
    outputs: (OUTPUTS[node.name] ?? []).map((name) => ({
      Name: name,
      Selector: `$.Payload.${name}`,
      Type: 'String',
    })),
  };
}

const INSPECTED = Object.fromEntries(
  (OUTPUTS.inspect ?? []).map((name) => [name, `{{ inspect.${name} }}`]),
);

/** The input of each script. */
function payload(
  name: Exclude<PromotionStepName, 'approve'>,
  settings: PromotionDocumentSettings,
): object {
  const hub = { Hub: settings.hub };
  const old = { OldRegion: settings.oldRegion, OldPrimary: settings.oldPrimary };
  const probe = { Probe: settings.probe };
  const wait = { TimeoutSeconds: WAIT_SECONDS, PollSeconds: POLL_SECONDS };
  const allowUnfenced = { AllowUnfenced: '{{ AllowUnfenced }}' };
  return {
    inspect: { ...hub, ...old, ...probe },
    assess: {
      ...old,
      ...allowUnfenced,
      Inspected: INSPECTED,
      AcceptedLossSeconds: '{{ AcceptedLossSeconds }}',
      Role: settings.roleArn,
      Permissions: settings.permissions,
    },
    fence: { ...old, ...allowUnfenced, ...wait, FenceGroup: settings.fenceGroup },
    catchUp: { ...probe, ...wait },
    promote: { ...hub, ...wait },
    verify: { ...hub, ...probe, ...wait },
    repoint: { ...hub, ...wait, Records: settings.records },
    report: { ...hub, Drill: '{{ Drill }}', Inspected: INSPECTED },
  }[name];
}
