-- Puts a run back into the state queued, or ends it if a client cancelled it. `note` says why; empty: without a note.
-- Workers take it at once; after a pause, when it is offered again; or, with a note and no pause, never by turn.
-- Returns 1; 0 if the run is over, or another worker has begun it since.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local counted = ARGV[12] == '1'
local note = ARGV[13]
local pause_milliseconds = tonumber(ARGV[14])

if not is_held_by(run, holder) then return 0 end
redis.call('DEL', lease)
if cancelling() then
  finish('cancelled')
  return 1
end
if not counted then redis.call('HSET', record, 'attempts', math.max(0, number_in('attempts') - 1)) end
reset_progress()
redis.call('HDEL', record, 'holder')
redis.call('HSET', record, 'state', 'queued', 'updated_at', now)
if note ~= '' then redis.call('HSET', record, 'note', note) end
if pause_milliseconds > 0 then
  redis.call('HSET', record, 'not_before', milliseconds + pause_milliseconds)
elseif note == '' then
  offer()
end
publish()
return 1
