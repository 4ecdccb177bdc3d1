package evidence

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A Reading is what asking for one fact came to. Of Late and Err at most one is set;
// then Value has no state.
type Reading struct {
	Definition Definition
	Connected  bool
	Value      Value
	Late       bool  // it was not computed in the time it had
	Err        error // why it could not be computed
}

// Limits bound a Survey.
type Limits struct {
	Each     time.Duration // that a fact has; not positive: no limit
	Together int           // facts computed at once; less than 1: one
}

// Survey asks for many facts and returns a reading for each id, in their order; an id
// that the catalogue does not have gives a reading with its error. A fact that is not
// done in its time is Late and keeps nobody waiting: its provider goes on until it
// notices, and holds its place among those computed at once until then.
func (r *Registry) Survey(ctx context.Context, ids []string, q Query, l Limits) []Reading {
	all := make([]Reading, len(ids))
	places := make(chan struct{}, max(l.Together, 1))
	var wait sync.WaitGroup
	for i, id := range ids {
		d, ok := r.Definition(id)
		all[i] = Reading{Definition: d, Connected: r.Connected(id)}
		if !ok {
			all[i].Definition.ID, all[i].Err = id, unknown(id)
			continue
		}
		if !all[i].Connected {
			all[i].Value, all[i].Err = r.Value(ctx, id, q)
			continue
		}
		wait.Go(func() { r.read(ctx, &all[i], q, l.Each, places) })
	}
	wait.Wait()
	return all
}

// read computes one fact, or gives up.
func (r *Registry) read(ctx context.Context, out *Reading, q Query, limit time.Duration, places chan struct{}) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	type answer struct {
		v   Value
		err error
	}
	done := make(chan answer, 1)
	id := out.Definition.ID
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		out.gaveUp(ctx.Err())
		return
	}
	go func() {
		defer func() { <-places }()
		v, err := r.Value(ctx, id, q)
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		if errors.Is(a.err, context.DeadlineExceeded) {
			out.gaveUp(a.err)
			return
		}
		out.Value, out.Err = a.v, a.err
	case <-ctx.Done():
		out.gaveUp(ctx.Err())
	}
}

// gaveUp notes why there is no value.
func (r *Reading) gaveUp(err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		r.Late = true
		return
	}
	r.Err = err
}
