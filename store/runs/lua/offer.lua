-- Lets workers take a run that waits for a worker: one whose pause is over, whose worker has died, or that a program of
-- an earlier release has recorded. Returns 1; 0 if it is not to be taken now, or was left to a worker of a later release.
local run = tonumber(ARGV[10])

if not is_run(run) or not pending or number_in('not_before') > milliseconds then return 0 end
if redis.call('EXISTS', lease) == 1 then return 0 end
if redis.call('HEXISTS', record, 'note') == 1 and number_in('not_before') == 0 then return 0 end
offer()
return 1
