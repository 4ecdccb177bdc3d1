package connect

import (
	"context"
	"errors"
	"sync"

	"radagora/db"
	"radagora/job"
)

// How many messages are read from the table at once, and how many lanes of them are
// worked on beside one another, so that they share the syncs of the disk.
const (
	batch  = 512
	beside = 32
)

// apply applies what a site received, in order. Of all processes one does so at a
// time: the job has one key. An error is one that may pass.
func (r *Register) apply(ctx context.Context, j job.Job) error {
	for {
		list, err := db.List(ctx, r.DB, scanMessage, fromMessage+`where site_id = $1 and state = 'received' order by message_id limit $2`, j.Site, batch)
		if err != nil || len(list) == 0 {
			return err
		}
		lanes, err := r.lanes(ctx, list)
		if err != nil {
			return err
		}
		if err := r.drive(ctx, lanes); err != nil {
			return err
		}
	}
}

// drive works on lanes beside one another, and on the messages of each one after the
// other. A lane ends at its first error, the others go on.
func (r *Register) drive(ctx context.Context, lanes [][]Message) error {
	todo := make(chan []Message)
	errs := make([]error, min(beside, len(lanes)))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for lane := range todo {
				for _, m := range lane {
					if err := r.applyOne(ctx, m); err != nil {
						errs[i] = errors.Join(errs[i], err)
						break
					}
				}
			}
		})
	}
	for _, lane := range lanes {
		todo <- lane
	}
	close(todo)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err // the first will do: the job is tried again
		}
	}
	return nil
}

// lanes divides messages, in the order of their arrival, into lanes that have nothing
// to do with one another: no person, order or report is in two of them.
func (r *Register) lanes(ctx context.Context, list []Message) (lanes [][]Message, err error) {
	u := unions{}
	about := make([]string, len(list))
	for i, m := range list {
		names, err := r.touches(ctx, m)
		if err != nil {
			return nil, err
		}
		about[i] = names[0]
		for _, n := range names[1:] {
			u.join(names[0], n)
		}
	}
	at := map[string]int{}
	for i, m := range list {
		lane := u.root(about[i])
		n, ok := at[lane]
		if !ok {
			n = len(lanes)
			at[lane], lanes = n, append(lanes, nil)
		}
		lanes[n] = append(lanes[n], m)
	}
	return lanes, nil
}

// touches names what a message is about: its sender alone if it is about nobody.
func (r *Register) touches(ctx context.Context, m Message) (names []string, err error) {
	e, err := r.read(ctx, m)
	if err != nil {
		return nil, err
	}
	c, err := r.channel(ctx, r.DB, m.Site, m.Channel)
	if err != nil {
		return nil, err
	}
	for _, p := range e.parts() {
		for _, n := range append(append([]Number(nil), p.Patient.Numbers...), p.Prior...) {
			keys, err := r.People.Keys(ctx, m.Site, r.key(n, c))
			if err != nil {
				return nil, err
			}
			for _, k := range keys {
				names = append(names, "person "+k)
			}
		}
	}
	for _, p := range e.parts() {
		names = append(names, p.things()...)
	}
	if len(names) == 0 {
		names = []string{"channel " + m.Channel}
	}
	return names, nil
}

// things names the orders and reports that one part of a message is about.
func (e Effect) things() (names []string) {
	for _, o := range e.Orders {
		for _, n := range allNumbers(o) {
			names = append(names, n.kind+" "+n.number)
		}
	}
	for _, p := range e.Reports {
		for _, n := range allNumbers(Order{Numbers: p.Numbers}) {
			names = append(names, n.kind+" "+n.number)
		}
		for _, n := range []string{p.Number, p.Study} {
			if n != "" {
				names = append(names, "report "+n)
			}
		}
	}
	return names
}

// unions knows which names belong together.
type unions map[string]string

// root returns the name that stands for all that belong to one.
func (u unions) root(n string) string {
	for {
		up, ok := u[n]
		if !ok {
			return n
		}
		n = up
	}
}

func (u unions) join(a, b string) {
	if a, b = u.root(a), u.root(b); a != b {
		u[b] = a
	}
}
