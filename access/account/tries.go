package account

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// Guessing is slowed down, and nobody can use that to shut others out.
//
// A try from a device on which the account signed in before counts against that
// device alone: whatever others do, its owner gets in. Any other try counts
// against the pair of login and address, against the address, and against the
// login, and each of the three grows its own pause. The pause of a login is short
// at most, so that a thousand addresses cannot close an account to a new device
// for longer than half a minute at a time. Logins that do not exist are counted
// like others, under keyed names.
//
// A try is counted before the password is looked at and taken back when it was
// right, so that a thousand tries at once count as a thousand.

// A brake is how tries that were wrong slow down the next.
type brake struct {
	free  int64         // tries without a pause
	first time.Duration // pause after the next one; it doubles
	most  time.Duration
}

// The brakes.
var (
	onDevice  = brake{free: 10, first: 5 * time.Second, most: 15 * time.Minute}
	onPair    = brake{free: 5, first: 2 * time.Second, most: 15 * time.Minute}
	onAddress = brake{free: 30, first: 2 * time.Second, most: 5 * time.Minute}
	onLogin   = brake{free: 20, first: time.Second, most: 30 * time.Second}
)

// forget is how long after the last wrong try all is as before.
const forget = time.Hour

// pause returns how long to wait after n wrong tries.
func (b brake) pause(n int64) time.Duration {
	if n <= b.free {
		return 0
	}
	p := float64(b.first) * math.Pow(2, float64(min(n-b.free-1, 40)))
	return time.Duration(min(p, float64(b.most)))
}

// A WaitError says that tries come too fast. It is in the chain of an error of kind
// Exhausted.
type WaitError struct{ Wait time.Duration }

// Error says how long.
func (w *WaitError) Error() string {
	return fmt.Sprintf("too many tries: wait %s", w.Wait.Round(time.Second))
}

// A try is one attempt, already counted.
type try struct {
	counts []count
	pause  time.Duration // that follows if it was wrong
}

// A count is what a try counts against.
type count struct {
	name string
	brake
}

// counts returns what a try at a login counts against, from where ctx says it comes.
func (r *Register) counts(ctx context.Context, login string, u access.User) ([]count, error) {
	p := PlaceOf(ctx)
	if p.Device != "" && u.ID != "" {
		known, err := r.knows(ctx, u.ID, p.Device)
		if err != nil {
			return nil, err
		}
		if known {
			return []count{{r.keyed("device", login, p.Device), onDevice}}, nil
		}
	}
	from := network(p.Address)
	return []count{
		{r.keyed("pair", login, from), onPair},
		{r.keyed("address", from), onAddress},
		{r.keyed("login", login), onLogin},
	}, nil
}

// network returns an address as it is counted: a host of IPv6 has a whole /64.
func network(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		p, err := a.WithZone("").Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

// try counts an attempt: Exhausted with a WaitError, and nothing counted, if it
// comes too soon.
func (r *Register) try(ctx context.Context, login string, u access.User) (*try, error) {
	counts, err := r.counts(ctx, login, u)
	if err != nil {
		return nil, err
	}
	t := &try{counts: counts}
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		t.pause = 0
		wrong := make([]int64, len(counts))
		for i, c := range counts {
			var wait time.Duration
			var err error
			if wrong[i], wait, err = r.soFar(ctx, tx, c); err != nil {
				return err
			}
			if wait > 0 {
				return fault.As(fault.Exhausted, &WaitError{Wait: wait})
			}
		}
		for i, c := range counts {
			pause := c.pause(wrong[i] + 1)
			t.pause = max(t.pause, pause)
			if err := r.put(ctx, tx, c.name, wrong[i]+1, pause); err != nil {
				return err
			}
		}
		return nil
	})
	return t, err
}

// soFar returns how many tries were wrong and how long to wait still, and keeps
// others from counting until tx ends. The clock may have stepped back: nobody waits
// longer than the brake says.
func (r *Register) soFar(ctx context.Context, tx *db.Tx, c count) (n int64, wait time.Duration, err error) {
	var last, until int64
	err = tx.QueryRow(ctx, `insert into account_try (name, site_id, n, last_at, until_at) values ($1, $2, 0, 0, 0)
		on conflict (name) do update set site_id = account_try.site_id returning n, last_at, until_at`,
		c.name, site.Default).Scan(&n, &last, &until)
	if err != nil {
		return 0, 0, err
	}
	now := r.now()
	if now-last > forget.Milliseconds() {
		return 0, 0, nil
	}
	return n, min(time.Duration(until-now)*time.Millisecond, c.pause(n)), nil
}

// put keeps a count.
func (r *Register) put(ctx context.Context, tx *db.Tx, name string, n int64, pause time.Duration) error {
	now := r.now()
	_, err := tx.Exec(ctx, `insert into account_try (name, site_id, n, last_at, until_at) values ($1, $2, $3, $4, $5)
		on conflict (name) do update set n = $3, last_at = $4, until_at = $5`,
		name, site.Default, n, now, now+pause.Milliseconds())
	return err
}

// right takes a try back as part of tx. What is about this login and this place
// alone is forgotten; of the address only this try, or one account of one's own
// would buy tries at others.
func (r *Register) right(ctx context.Context, tx *db.Tx, t *try) error {
	for _, c := range t.counts {
		var err error
		switch c.brake {
		case onPair, onDevice:
			_, err = tx.Exec(ctx, `delete from account_try where name = $1`, c.name)
		default:
			_, err = tx.Exec(ctx, `update account_try set n = n - 1, until_at = 0 where name = $1 and n > 0`, c.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeBack takes back a try that was not decided.
func (r *Register) takeBack(ctx context.Context, t *try) error {
	ctx = context.WithoutCancel(ctx)
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, c := range t.counts {
			if _, err := tx.Exec(ctx, `update account_try set n = n - 1, until_at = 0 where name = $1 and n > 0`, c.name); err != nil {
				return err
			}
		}
		return nil
	})
}
