-- Adds a feed's entry to the stream where XADD alone is refused, because Redis is full.
--
-- KEYS[1] the stream
-- ARGV[1] about how many entries to keep, ARGV[2] the entry's id, token-n, ARGV[3] the entry
-- Returns the id, or the error that the stream has a higher one.

return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[2], 'e', ARGV[3])
