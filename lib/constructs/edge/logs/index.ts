export {
  ACCESS_LOG_FIELDS,
  ACCESS_LOG_SUFFIX_PATH,
  EdgeAccessLogs,
  type EdgeAccessLogsOptions,
  type EdgeAccessLogsProps,
} from './access-logs';
export { EdgeLogGroups, type EdgeLogGroupsProps, edgeLogGroupName } from './edge-log-groups';
