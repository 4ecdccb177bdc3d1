package connect

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/journal"
)

// An OutFilter says which outgoing messages are asked for. Empty fields ask nothing.
type OutFilter struct {
	Receiver string
	States   []OutState
	Control  string // MSH-10, whole
	Code     string // ORU^R01, or ORU
	Person   string
	Before   string // a message: those made before it
	Limit    int    // 0 means 100
}

// OutMessages returns outgoing messages of a site, the latest first, without contents.
func (r *Register) OutMessages(ctx context.Context, site string, f OutFilter) ([]Outgoing, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 100
	}
	where, args := `where site_id = $1`, []any{site}
	for _, x := range []struct{ sql, arg string }{
		{"receiver_id = ", f.Receiver}, {"control_id = ", f.Control}, {"person = ", f.Person}, {"outgoing_id < ", f.Before}, {"code like ", f.Code},
	} {
		if x.arg == "" {
			continue
		}
		if strings.HasPrefix(x.sql, "code") {
			x.arg += "%"
		}
		args = append(args, x.arg)
		where += " and " + x.sql + place(len(args))
	}
	if len(f.States) > 0 {
		var in []string
		for _, s := range f.States {
			args = append(args, string(s))
			in = append(in, place(len(args)))
		}
		where += " and state in (" + strings.Join(in, ", ") + ")"
	}
	args = append(args, f.Limit)
	list, err := db.List(ctx, r.DB, scanOutgoing, fromOutgoing+where+` order by outgoing_id desc limit `+place(len(args)), args...)
	for i := range list {
		list[i].Body, list[i].Answer = nil, nil
	}
	return list, err
}

// OutMessage returns one outgoing message with its contents. NotFound: the site has
// none of that id.
func (r *Register) OutMessage(ctx context.Context, site, id string) (Outgoing, error) {
	m, err := r.outgoing(ctx, r.DB, site, id)
	if err != nil {
		return Outgoing{}, err
	}
	return m, mayTell(ctx, access.MessageRead, m)
}

func (*Register) outgoing(ctx context.Context, q db.Querier, site, id string) (Outgoing, error) {
	list, err := db.List(ctx, q, scanOutgoing, fromOutgoing+`where site_id = $1 and outgoing_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no message of that id")
	}
	if err != nil {
		return Outgoing{}, err
	}
	return list[0], nil
}

// SendAgain gives an outgoing message its turn again, as it is and with its control
// id, at the end of what waits. With a body it is corrected: the new message has a
// control id of its own and stands beside the old one. It returns the id of the
// message that has its turn. Errors: NotFound, Forbidden, Invalid, Conflict if it
// has its turn already, was corrected, or its content was removed.
func (r *Register) SendAgain(ctx context.Context, site, id string, body []byte, reason string) (string, error) {
	m, err := r.changeOut(ctx, site, id, reason)
	switch {
	case err != nil:
		return "", err
	case m.State == Queued:
		return "", fault.Errorf(fault.Conflict, "the message has its turn already")
	case m.State == OutReplaced:
		return "", fault.Errorf(fault.Conflict, "the message was corrected: send the newer one")
	case body == nil && len(m.Body) == 0:
		return "", fault.Errorf(fault.Conflict, "there is no content to be sent")
	}
	next := m
	next.ID, next.Replaces, next.By, next.At = db.NewID(), m.ID, actor(ctx), r.Now()
	next.State, next.Reason, next.Done, next.Attempts, next.Emptied = Queued, "", time.Time{}, 0, false
	if body != nil {
		next.Control = controlOf(m.Receiver, next.ID)
		if next.Body, err = renumbered(body, next.Control); err != nil {
			return "", err
		}
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if body == nil { // the old row gives its number up, so that the receiver knows the message again
			if _, err := tx.Exec(ctx, `update connect_outgoing set control_id = control_id || '/' || outgoing_id where outgoing_id = $1`, m.ID); err != nil {
				return err
			}
		}
		if err := r.setOut(ctx, tx, m, OutReplaced); err != nil {
			return err
		}
		if _, err := r.insertOutgoing(ctx, tx, next); err != nil {
			return err
		}
		if err := r.Jobs.Add(ctx, tx, sendWork(Receiver{ID: m.Receiver, Site: site})); err != nil {
			return err
		}
		return r.record(ctx, tx, reasoned(journal.Entry{Site: site, Kind: "connect.outgoing.replayed", Subject: m.ID, Person: m.Person}, reason),
			map[string]any{"corrected": body != nil, "turn": next.ID})
	})
	return next.ID, err
}

// renumbered returns a message with another control id.
func renumbered(body []byte, control string) ([]byte, error) {
	m, err := hl7.Parse(body, nil)
	if err != nil {
		return nil, err
	}
	if err := m.Set("MSH-10", control); err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}

// SetAside takes a message out that is not to be sent.
func (r *Register) SetAside(ctx context.Context, site, id, reason string) error {
	m, err := r.changeOut(ctx, site, id, reason)
	if err != nil {
		return err
	}
	if m.State != Queued && m.State != Refused && m.State != OutFailed {
		return fault.Errorf(fault.Conflict, "only a message that waits, was refused or failed can be set aside")
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.setOut(ctx, tx, m, OutRemoved); err != nil {
			return err
		}
		return r.record(ctx, tx, reasoned(journal.Entry{Site: site, Kind: "connect.outgoing.removed", Subject: m.ID, Person: m.Person}, reason), map[string]any{})
	})
}

func (r *Register) changeOut(ctx context.Context, site, id, reason string) (Outgoing, error) {
	m, err := r.outgoing(ctx, r.DB, site, id)
	if err != nil {
		return m, err
	}
	if err := mayTell(ctx, access.MessageChange, m); err != nil {
		return m, err
	}
	if reason == "" || len(reason) > 1000 {
		return m, fault.Errorf(fault.Invalid, "a reason is needed, of at most 1000 bytes")
	}
	return m, nil
}

func (r *Register) setOut(ctx context.Context, tx *db.Tx, m Outgoing, to OutState) error {
	n, err := tx.Exec(ctx, `update connect_outgoing set state = $2, by_whom = $3 where outgoing_id = $1 and state = $4`, m.ID, to, actor(ctx), m.State)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Conflict, "the message was changed meanwhile: look again")
	}
	return err
}

// OutTraffic is what goes to a receiver.
type OutTraffic struct {
	Receiver  Receiver
	Counts    map[OutState]int64
	Hour, Day int64
	Oldest    time.Time // when the oldest that waits was made; the zero time if none does
}

// OutTraffic returns what goes to the receivers of a site.
func (r *Register) OutTraffic(ctx context.Context, site string) ([]OutTraffic, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	return r.WatchOut(ctx, site)
}

// WatchOut is OutTraffic for the program itself, which looks whether all is well.
func (r *Register) WatchOut(ctx context.Context, site string) ([]OutTraffic, error) {
	to, err := r.receivers(ctx, r.DB, site)
	if err != nil {
		return nil, err
	}
	all := make([]OutTraffic, 0, len(to))
	for _, c := range to {
		t := OutTraffic{Receiver: c, Counts: map[OutState]int64{}}
		open, err := r.open(ctx, `select state, count(*), min(at) from connect_outgoing
			where receiver_id = $1 and state in ('queued', 'refused', 'failed') group by state`, c.ID)
		if err != nil {
			return nil, err
		}
		for _, x := range open {
			t.Counts[OutState(x.state)] = x.n
			if OutState(x.state) == Queued {
				t.Oldest = x.oldest
			}
		}
		if t.Hour, t.Day, err = r.lately(ctx, `select at from connect_outgoing where receiver_id = $1`, c.ID); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// isOurs reports whether a message that was received is one that we sent: somebody on
// the way sends on what it gets.
func (r *Register) isOurs(ctx context.Context, m Message) (bool, error) {
	if m.Control == "" {
		return false, nil
	}
	var n int
	err := r.DB.QueryRow(ctx, `select count(*) from (select 1 from connect_outgoing where site_id = $1 and control_id = $2 limit 1) as s`,
		m.Site, m.Control).Scan(&n)
	return n > 0, err
}
