-- Puts a run back into the state queued, or ends it if a client cancelled it. Returns 1; 0 if the run is not running.
local run = tonumber(ARGV[12])
local counted = ARGV[13] == '1'

if not is_run(run) or state ~= 'running' then return 0 end
redis.call('DEL', lease)
if cancelling() then
  finish('cancelled')
  return 1
end
if not counted then redis.call('HINCRBY', record, 'attempts', -1) end
reset_progress()
redis.call('HSET', record, 'state', 'queued', 'updated_at', now)
publish()
return 1
