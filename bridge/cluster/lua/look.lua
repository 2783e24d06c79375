-- Tells how a feed stands.
--
-- KEYS[1] the lease, KEYS[2] the stream
-- ARGV[1] now, ms by the replicas' clock
-- Returns {token, ms left, n}.

local h = redis.call('HMGET', KEYS[1], 'token', 'until', 'ttl', 'at')
local left, ttl = tonumber(h[2] or '0') - tonumber(ARGV[1]), tonumber(h[3] or '0')
if left < 0 or left > 2 * ttl then -- or the clock was lost, and begins anew
  left = 0
end
left = math.min(left, ttl)
local n = string.match(h[4] or '', '%-(%d+)')
local last = redis.pcall('XINFO', 'STREAM', KEYS[2]) -- an error if there is none
for i = 1, #last, 2 do
  if last[i] == 'last-generated-id' then
    n = string.match(last[i + 1], '%-(%d+)')
  end
end
return {tonumber(h[1] or '0'), left, tonumber(n or '0')}
