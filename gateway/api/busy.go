package api

import (
	"sync"
	"time"
)

// maxBackOff bounds how long a client is asked to stay away.
const maxBackOff = 30 * time.Second

// backOff tells clients that are refused for want of room how long to stay away: a second,
// and one more for each hundred refused within one. Were it always one second, refusing
// them would come to cost more than the work for those who get in. With many that come
// back when told, refusals settle at the root of a hundred times their number a second.
type backOff struct {
	mu     sync.Mutex
	second int64 // unix time of the current count
	count  int   // refused in that second
	before int   // refused in the one before
}

const refusedPerSecond = 100

// refuse counts one more that is refused, and answers with the time for it.
func (b *backOff) refuse(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch second := now.Unix(); second {
	case b.second:
	case b.second + 1:
		b.second, b.before, b.count = second, b.count, 0
	default:
		b.second, b.before, b.count = second, 0, 0
	}
	b.count++
	wait := time.Second * time.Duration(1+max(b.count, b.before)/refusedPerSecond)
	return min(wait, maxBackOff)
}
