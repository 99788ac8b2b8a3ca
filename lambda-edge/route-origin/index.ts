export {
  isRead,
  isWrite,
  RECENT_WRITER_COOKIE,
  recentWriterAttributes,
  wroteRecently,
} from './recent-writer';
