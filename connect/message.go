package connect

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/journal"
)

// A Filter says which messages are asked for. Empty fields ask nothing.
type Filter struct {
	Channel string
	States  []State
	Control string // MSH-10, whole
	Code    string // ADT^A40, or ADT
	Person  string // as the other rooms name them
	Before  string // a message: those that came before it
	Limit   int    // 0 means 100
}

// Messages returns messages of a site, the latest first, without their bodies. Whom
// they are about is shown to those who may read the message; others see the flow, and
// who may not read what is said of a person cannot look for it.
func (r *Register) Messages(ctx context.Context, site string, f Filter) ([]Message, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	may := map[string]error{}
	reads := func(person string) error {
		err, known := may[person]
		if !known {
			err = access.Check(ctx, access.MessageRead, access.Subject{Site: site, Person: person})
			may[person] = err
		}
		return err
	}
	if f.Person != "" {
		if err := reads(f.Person); err != nil {
			return nil, err
		}
	}
	if f.Limit <= 0 || f.Limit > 1000 {
		f.Limit = 100
	}
	where, args := `where site_id = $1`, []any{site}
	and := func(sql string, arg any) {
		args = append(args, arg)
		where += " and " + sql + place(len(args))
	}
	if f.Channel != "" {
		and("channel_id = ", f.Channel)
	}
	if f.Control != "" {
		and("control_id = ", f.Control)
	}
	if f.Code != "" {
		and("code like ", f.Code+"%")
	}
	if f.Person != "" {
		args = append(args, f.Person)
		where += " and " + ofPerson("$1", place(len(args)))
	}
	if f.Before != "" {
		and("message_id < ", f.Before)
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
	list, err := db.List(ctx, r.DB, scanMessage, fromMessage+where+` order by message_id desc limit `+place(len(args)), args...)
	for i := range list {
		if list[i].Body = nil; reads(list[i].Person) != nil {
			list[i].Person = ""
		}
	}
	return list, err
}

// place is the nth argument of a query.
func place(n int) string { return "$" + strconv.Itoa(n) }

// Message returns one message with its body. NotFound: the site has none of that id.
func (r *Register) Message(ctx context.Context, site, id string) (Message, error) {
	m, err := r.message(ctx, r.DB, site, id)
	if err != nil {
		return Message{}, err
	}
	return m, may(ctx, access.MessageRead, m)
}

func (r *Register) message(ctx context.Context, q db.Querier, site, id string) (Message, error) {
	list, err := db.List(ctx, q, scanMessage, fromMessage+`where site_id = $1 and message_id = $2`, site, id)
	if err == nil && len(list) == 0 {
		err = fault.Errorf(fault.NotFound, "no message of that id")
	}
	if err != nil {
		return Message{}, err
	}
	list[0].Others, err = r.others(ctx, q, list[0])
	return list[0], err
}

// Says returns what a message that is kept says, read as its channel reads it. It is
// Invalid if it cannot be read any more, or its content is gone.
func (r *Register) Says(ctx context.Context, m Message) (*hl7.Message, Effect, error) {
	if err := may(ctx, access.MessageRead, m); err != nil {
		return nil, Effect{}, err
	}
	c, err := r.channel(ctx, r.DB, m.Site, m.Channel)
	if err != nil {
		return nil, Effect{}, err
	}
	mapping, err := r.mapping(c.Site, c.Mapping)
	if err != nil {
		return nil, Effect{}, err
	}
	parsed, err := hl7.Parse(m.Body, &hl7.Options{Charset: c.Charset})
	if err != nil {
		return nil, Effect{}, err
	}
	e := mapping.Read(parsed, r.reading(ctx, c))
	e.dated(m.At)
	return parsed, e, nil
}

// Try returns what a message would change if a channel with that mapping received it.
// Nothing is kept.
func (r *Register) Try(ctx context.Context, site, mapping string, body []byte) (*hl7.Message, Effect, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, Effect{}, err
	}
	m, err := r.mapping(site, mapping)
	if err != nil {
		return nil, Effect{}, err
	}
	parsed, err := hl7.Parse(body, nil)
	if err != nil {
		return nil, Effect{}, err
	}
	return parsed, m.Read(parsed, r.reading(ctx, Channel{Site: site})), nil
}

// Replay gives a message its turn again, one that waits, failed or was applied. With
// a body it is corrected: the new message is kept beside the old one, which stays as
// it was received. It returns the id of the message that has its turn. Errors:
// NotFound, Forbidden, Conflict if it has its turn already or was corrected.
func (r *Register) Replay(ctx context.Context, site, id string, body []byte, reason string) (string, error) {
	m, err := r.change(ctx, site, id, reason)
	if err != nil {
		return "", err
	}
	if m.State == Received {
		return "", fault.Errorf(fault.Conflict, "the message has its turn already")
	}
	if m.State == Replaced {
		return "", fault.Errorf(fault.Conflict, "the message was corrected: replay the newer one")
	}
	if body == nil && m.Emptied {
		return "", fault.Errorf(fault.Conflict, "the content of the message was removed: it was kept for as long as it is")
	}
	turn := m.ID
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if body == nil {
			if err := r.setState(ctx, tx, m, Received); err != nil {
				return err
			}
			if err := r.Jobs.Add(ctx, tx, r.work(site)); err != nil {
				return err
			}
		} else {
			c, err := r.channel(ctx, tx, site, m.Channel)
			if err != nil {
				return err
			}
			got, err := r.store(ctx, tx, c, body, m.ID)
			if err != nil {
				return err
			}
			if turn = got.ID; got.State == Failed {
				return fault.Errorf(fault.Invalid, "the corrected message cannot be read")
			}
			if err := r.setState(ctx, tx, m, Replaced); err != nil {
				return err
			}
		}
		return r.record(ctx, tx, reasoned(journal.Entry{Site: site, Kind: "connect.message.replayed", Subject: m.ID, Person: m.Person}, reason),
			map[string]any{"corrected": body != nil, "turn": turn})
	})
	return turn, err
}

// Remove sets a message aside that is not to be applied.
func (r *Register) Remove(ctx context.Context, site, id, reason string) error {
	m, err := r.change(ctx, site, id, reason)
	if err != nil {
		return err
	}
	if m.State != Waiting && m.State != Failed {
		return fault.Errorf(fault.Conflict, "only a message that waits or failed can be set aside")
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.setState(ctx, tx, m, Removed); err != nil {
			return err
		}
		return r.record(ctx, tx, reasoned(journal.Entry{Site: site, Kind: "connect.message.removed", Subject: m.ID, Person: m.Person}, reason), map[string]any{})
	})
}

// change returns a message that somebody wants to do something about.
func (r *Register) change(ctx context.Context, site, id, reason string) (Message, error) {
	m, err := r.message(ctx, r.DB, site, id)
	if err != nil {
		return m, err
	}
	if err := may(ctx, access.MessageChange, m); err != nil {
		return m, err
	}
	if reason == "" || len(reason) > 1000 {
		return m, fault.Errorf(fault.Invalid, "a reason is needed, of at most 1000 bytes")
	}
	return m, nil
}

func (r *Register) setState(ctx context.Context, tx *db.Tx, m Message, to State) error {
	n, err := tx.Exec(ctx, `update connect_message set state = $2, by_whom = $3 where message_id = $1 and state = $4`, m.ID, to, actor(ctx), m.State)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Conflict, "the message was changed meanwhile: look again")
	}
	return err
}

// Traffic is what came over a channel.
type Traffic struct {
	Channel Channel
	Counts  map[State]int64 // of those that are open: received, waiting, failed
	Hour    int64           // messages in the last hour
	Day     int64           // in the last 24
	Oldest  time.Time       // arrival of the oldest that has not had its turn; the zero time if there is none
	Silent  bool            // nothing came for longer than the channel allows
}

// Traffic returns what came over the channels of a site.
func (r *Register) Traffic(ctx context.Context, site string) ([]Traffic, error) {
	if err := access.Check(ctx, access.ChannelRead, access.Subject{Site: site}); err != nil {
		return nil, err
	}
	return r.Watch(ctx, site)
}

// Watch is Traffic for the program itself, which looks whether all is well.
func (r *Register) Watch(ctx context.Context, site string) ([]Traffic, error) {
	channels, err := r.channels(ctx, site)
	if err != nil {
		return nil, err
	}
	now := r.Now()
	all := make([]Traffic, 0, len(channels))
	for _, c := range channels {
		t := Traffic{Channel: c, Counts: map[State]int64{}}
		t.Silent = c.State == Accepted && c.Silence > 0 && now.Sub(later(c.Last, c.Changed)) > c.Silence
		open, err := r.open(ctx, `select state, count(*), min(at) from connect_message
			where channel_id = $1 and state in ('received', 'waiting', 'failed') group by state`, c.ID)
		if err != nil {
			return nil, err
		}
		for _, x := range open {
			t.Counts[State(x.state)] = x.n
			if State(x.state) == Received {
				t.Oldest = x.oldest
			}
		}
		if t.Hour, t.Day, err = r.lately(ctx, `select at from connect_message where channel_id = $1`, c.ID); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// An openCount is how many messages of a channel or receiver are in a state, and when
// the oldest of them came.
type openCount struct {
	state  string
	n      int64
	oldest time.Time
}

func (r *Register) open(ctx context.Context, query, id string) ([]openCount, error) {
	return db.List(ctx, r.DB, func(r *db.Rows) (x openCount, err error) {
		var oldest int64
		err = r.Scan(&x.state, &x.n, &oldest)
		x.oldest = db.FromMillis(oldest)
		return x, err
	}, query, id)
}

// lately counts what a query finds of the last hour and day.
func (r *Register) lately(ctx context.Context, query, id string) (hour, day int64, err error) {
	now := r.Now()
	err = r.DB.QueryRow(ctx, `select count(*), coalesce(sum(case when at > $2 then 1 else 0 end), 0) from (`+query+` and at > $3) as recent`,
		id, db.Millis(now.Add(-time.Hour)), db.Millis(now.Add(-24*time.Hour))).Scan(&day, &hour)
	return hour, day, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const fromMessage = `select message_id, site_id, channel_id, control_id, code, event_at, at, body, person, state, reason, detail, attempts, done_at,
	replaces, by_whom, emptied from connect_message `

func scanMessage(r *db.Rows) (m Message, err error) {
	var event, at, done int64
	var detail string
	err = r.Scan(&m.ID, &m.Site, &m.Channel, &m.Control, &m.Code, &event, &at, &m.Body, &m.Person, &m.State, &m.Reason, &detail, &m.Attempts, &done,
		&m.Replaces, &m.By, &m.Emptied)
	if err == nil {
		err = json.Unmarshal([]byte(detail), &m.Detail)
	}
	m.At = db.FromMillis(at)
	if event > 0 {
		m.Event = db.FromMillis(event)
	}
	if done > 0 {
		m.Done = db.FromMillis(done)
	}
	return m, err
}
