-- Queues a run again that its worker drops, or ends it if a client asked it to stop. Returns whether it did.
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
