-- Records the progress of a phase. Returns 1; 0 if the run is over, or another worker has begun it since.
local run = tonumber(ARGV[10])
local holder = ARGV[11]
local phase = ARGV[12]
local done = tonumber(ARGV[13])
local total = tonumber(ARGV[14])

if not is_held_by(run, holder) then return 0 end
redis.call('HSET', record, 'phase', phase, 'done', done, 'total', total, 'updated_at', now)
publish()
return 1
