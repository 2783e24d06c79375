-- Takes the lease of a feed if nobody holds it, and fences whoever did.
--
-- KEYS[1] the lease, a hash: token, holder, until (ms by the replicas' clock), ttl, snapshot, at, down
-- KEYS[2] the stream
-- ARGV[1] who takes it, ARGV[2] for how long, ms, ARGV[3] the entry that says so, ARGV[4] now
-- Returns {taken 0 or 1, token, ms left, n}. The token rises with every taking.

local now = tonumber(ARGV[4])
local h = redis.call('HMGET', KEYS[1], 'token', 'until', 'ttl', 'at', 'holder')
local token, till, ttl = tonumber(h[1] or '0'), tonumber(h[2] or '0'), tonumber(h[3] or '0')
local n = tonumber(string.match(h[4] or '', '%-(%d+)') or '0')
local last = redis.pcall('XINFO', 'STREAM', KEYS[2]) -- an error if there is none
for i = 1, #last, 2 do
  if last[i] == 'last-generated-id' then
    local a, b = string.match(last[i + 1], '(%d+)-(%d+)')
    token, n = math.max(token, tonumber(a)), math.max(n, tonumber(b))
  end
end
-- Much more left than a lease lasts: the clock was lost, and begins anew.
if till > now and till - now <= 2 * ttl and h[5] ~= ARGV[1] then
  return {0, token, till - now, n}
end
token, n = token + 1, n + 1
redis.call('HSET', KEYS[1], 'token', string.format('%d', token), 'holder', ARGV[1],
  'until', string.format('%d', now + tonumber(ARGV[2])), 'ttl', ARGV[2])
-- From now on the stream refuses what has a lower token.
redis.call('XADD', KEYS[2], string.format('%d-%d', token, n), 'e', ARGV[3])
return {1, token, tonumber(ARGV[2]), n}
