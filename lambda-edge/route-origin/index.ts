export {
  isRead,
  RECENT_WRITER_COOKIE,
  recentWriterAttributes,
  tellsOfWrite,
  wroteRecently,
} from './recent-writer';
