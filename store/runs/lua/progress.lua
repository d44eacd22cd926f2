-- Records the progress of a phase. Returns 1; 0 if the run is not running.
local run = tonumber(ARGV[12])
local phase = ARGV[13]
local done = tonumber(ARGV[14])
local total = tonumber(ARGV[15])

if not is_run(run) or state ~= 'running' then return 0 end
redis.call('HSET', record, 'phase', phase, 'done', done, 'total', total, 'updated_at', now)
publish()
return 1
