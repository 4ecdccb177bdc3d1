package privacy

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A State is how far a request is.
type State string

// The states. An extension is no state: work goes on.
const (
	Received  State = "received"
	Verified  State = "verified" // we know who asks
	InWork    State = "in_work"
	Answered  State = "answered"
	Refused   State = "refused"
	Withdrawn State = "withdrawn" // by the person
)

// A Kind is what a person may ask for.
type Kind struct {
	ID, Law, Article string
	Verified         bool // the article was read
	Name             Words
	Steps            []Step // the work it takes
}

// A Step is a piece of work of a request.
type Step struct {
	ID     string
	Name   Words
	DoneBy string // account; "" while it is to be done
	DoneAt time.Time
}

// Kinds returns what a person may ask for, in the order of the content.
func (d *Desk) Kinds(siteID string) ([]Kind, error) {
	steps := map[string][]Step{}
	_, err := rows(d, siteID, "law/request", "steps", func(r *content.Row) string {
		k := r.Text("request")
		steps[k] = append(steps[k], Step{ID: r.Text("step"), Name: words(r, "label")})
		return k
	})
	if err != nil {
		return nil, err
	}
	return rows(d, siteID, "law/request", "requests", func(r *content.Row) Kind {
		return Kind{
			ID: r.Text("request"), Law: r.Text("law"), Article: r.Text("article"), Verified: r.Yes("verified"),
			Name: words(r, "label"), Steps: steps[r.Text("request")],
		}
	})
}

// Channels returns how a request may arrive.
func Channels() []string { return []string{"letter", "mail", "phone", "desk", "portal", "other"} }

// Proofs returns how one may have found out who asks.
func Proofs() []string {
	return []string{"document", "known", "portal", "address", "representative", "other"}
}

// A Request is something a person asked for.
type Request struct {
	ID, Site    string
	Kind        Kind
	Person      string // pseudonym, "" until somebody knows who it is
	Channel     string
	ReceivedOn  string // day at the site
	State       State
	VerifiedHow string
	Owner       string // account
	ExtendedOn  string // day on which the person was told; "" without extension
	ClosedOn    string
	Erased      bool // its texts are
	CreatedBy   string
	CreatedAt   time.Time

	Limit   Limit
	Age     int  // days since receipt, until it was closed
	Left    int  // days to the limit that holds; negative when it is over
	Soon    bool // the limit is near
	Overdue bool // the limit is over, and it is open; or it was closed after the limit

	entries int64
}

// Due returns the limit that holds.
func (r Request) Due() string {
	if r.ExtendedOn != "" {
		return r.Limit.Extended
	}
	return r.Limit.Due
}

// Open reports whether there is something left to do.
func (r Request) Open() bool { return r.ClosedOn == "" }

// Done returns how many steps are done.
func (r Request) Done() (n int) {
	for _, s := range r.Kind.Steps {
		if s.DoneBy != "" {
			n++
		}
	}
	return n
}

// An Asking is what is noted when a request arrives. Who and Text are personal: they
// go into the journal alone.
type Asking struct {
	Site, Kind, Channel string
	ReceivedOn          string // "" means today
	Who                 string // name and address for the answer
	Text                string // in the words of the person
}

// Receive notes a request and returns its id.
func (d *Desk) Receive(ctx context.Context, a Asking) (string, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: a.Site}); err != nil {
		return "", err
	}
	today, err := d.today(ctx, a.Site)
	if err != nil {
		return "", err
	}
	if a.ReceivedOn == "" {
		a.ReceivedOn = today
	}
	if err := d.checkAsking(a, today); err != nil {
		return "", err
	}
	id := db.NewID()
	return id, d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into privacy_request (request_id, site_id, kind, channel, received_on, state, created_by, created_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			id, a.Site, a.Kind, a.Channel, a.ReceivedOn, string(Received), access.From(ctx).ID, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		return d.tell(ctx, tx, a.Site, id, "received", map[string]any{"request": a.Kind, "channel": a.Channel, "received": a.ReceivedOn},
			Texts{Who: a.Who, Text: a.Text})
	})
}

// checkAsking refuses what cannot be a request.
func (d *Desk) checkAsking(a Asking, today string) error {
	kinds, err := d.Kinds(a.Site)
	if err != nil {
		return err
	}
	if _, err := parseDay(a.ReceivedOn); err != nil {
		return err
	}
	switch {
	case !slices.ContainsFunc(kinds, func(k Kind) bool { return k.ID == a.Kind }):
		return fault.Errorf(fault.Invalid, "request: there is no kind %.40q", a.Kind)
	case !slices.Contains(Channels(), a.Channel):
		return fault.Errorf(fault.Invalid, "request: it came by one of %s", strings.Join(Channels(), ", "))
	case a.ReceivedOn > today:
		return fault.Errorf(fault.Invalid, "request: it cannot have come after today")
	case strings.TrimSpace(a.Who) == "":
		return fault.Errorf(fault.Invalid, "request: note who asks and where the answer goes")
	}
	if err := short("request: who", a.Who, 2000); err != nil {
		return err
	}
	return short("request: text", a.Text, 20000)
}

// Texts are what the journal keeps about a request, encrypted.
type Texts struct {
	Who    string `json:"who,omitempty"`
	Text   string `json:"text,omitempty"` // of the person, or the reasons and answers of ours
	Person string `json:"person,omitempty"`
	Where  string `json:"where,omitempty"` // the way to complain
}

// tell writes an entry about a request, with its texts under a key of their own.
func (d *Desk) tell(ctx context.Context, tx *db.Tx, siteID, id, verb string, data map[string]any, t Texts) error {
	if _, err := tx.Exec(ctx, `update privacy_request set entries = entries + 1 where request_id = $1`, id); err != nil {
		return err
	}
	e := d.entry(ctx, siteID, "privacy.request."+verb, id, data)
	if t != (Texts{}) {
		e.Person, e.Payload = textKey(id), encode(t)
	}
	return d.Journal.Append(ctx, tx, e)
}

// textKey names the key under which the texts of a request are encrypted.
func textKey(id string) string { return "request:" + id }

// Requests returns the requests of a site, the oldest first; only those with
// something left to do if open.
func (d *Desk) Requests(ctx context.Context, siteID string, open bool) ([]Request, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	where := `where site_id = $1`
	if open {
		where += ` and closed_on = ''`
	}
	return d.requests(ctx, siteID, where, siteID)
}

// Request returns one request of a site.
func (d *Desk) Request(ctx context.Context, siteID, id string) (Request, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: siteID}); err != nil {
		return Request{}, err
	}
	return d.request(ctx, siteID, id)
}

func (d *Desk) request(ctx context.Context, siteID, id string) (Request, error) {
	all, err := d.requests(ctx, siteID, `where site_id = $1 and request_id = $2`, siteID, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no request %.40s", id)
	}
	if err != nil {
		return Request{}, err
	}
	return all[0], nil
}

// requests reads requests of a site and counts their days.
func (d *Desk) requests(ctx context.Context, siteID, where string, args ...any) ([]Request, error) {
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (q Request, err error) {
		var created, erased int64
		err = r.Scan(&q.ID, &q.Site, &q.Kind.ID, &q.Person, &q.Channel, &q.ReceivedOn, &q.State, &q.VerifiedHow, &q.Owner,
			&q.ExtendedOn, &q.ClosedOn, &q.entries, &erased, &q.CreatedBy, &created)
		q.CreatedAt, q.Erased = db.FromMillis(created), erased != 0
		return q, err
	}, `select request_id, site_id, kind, person, channel, received_on, state, verified_how, owner, extended_on, closed_on, entries,
		erased_at, created_by, created_at from privacy_request `+where+` order by received_on, request_id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	clocks, err := d.Clocks(siteID)
	if err != nil {
		return nil, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return nil, err
	}
	kinds, err := d.Kinds(siteID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := all[i].count(clocks, today); err != nil {
			return nil, err
		}
		for _, k := range kinds {
			if k.ID == all[i].Kind.ID {
				all[i].Kind = k
			}
		}
		if err := d.steps(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// count fills in what follows from the clocks.
func (r *Request) count(c Clocks, today string) (err error) {
	if r.Limit, err = c.Request(r.ReceivedOn); err != nil {
		return err
	}
	end := today
	if r.ClosedOn != "" {
		end = r.ClosedOn
	}
	if r.Age, err = daysBetween(r.ReceivedOn, end); err != nil {
		return err
	}
	r.Left, err = daysBetween(end, r.Due())
	r.Overdue = r.Left < 0
	r.Soon = r.Open() && !r.Overdue && r.Left <= c[clockSoon].Amount
	return err
}

// steps fills in which steps of a request are done.
func (d *Desk) steps(ctx context.Context, q *Request) error {
	q.Kind.Steps = slices.Clone(q.Kind.Steps)
	done, err := db.List(ctx, d.DB, func(r *db.Rows) (s Step, err error) {
		var at int64
		err = r.Scan(&s.ID, &s.DoneBy, &at)
		s.DoneAt = db.FromMillis(at)
		return s, err
	}, `select step, done_by, done_at from privacy_request_step where request_id = $1`, q.ID)
	for _, s := range done {
		for i := range q.Kind.Steps {
			if q.Kind.Steps[i].ID == s.ID {
				q.Kind.Steps[i].DoneBy, q.Kind.Steps[i].DoneAt = s.DoneBy, s.DoneAt
			}
		}
	}
	return err
}

// An Event is something that happened to a request.
type Event struct {
	At     time.Time
	By     string // account
	What   string // received, verified, …
	Data   map[string]string
	Texts  Texts
	Erased bool // there were texts
}

// History returns what happened to a request, from the journal, the oldest first. It
// waits a short while for what was written a moment ago.
func (d *Desk) History(ctx context.Context, siteID, id string) ([]Event, error) {
	q, err := d.Request(ctx, siteID, id)
	if err != nil {
		return nil, err
	}
	return d.history(ctx, q)
}

func (d *Desk) history(ctx context.Context, q Request) ([]Event, error) {
	if d.Settle != nil {
		if err := d.Settle(ctx); err != nil {
			return nil, err
		}
	}
	for tries := 0; ; tries++ {
		all, err := d.events(ctx, q)
		if err != nil || int64(len(all)) >= q.entries || tries == 40 || d.Settle != nil {
			return all, err
		}
		select {
		case <-ctx.Done():
			return all, nil
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// events reads what the journal has about a request.
func (d *Desk) events(ctx context.Context, q Request) ([]Event, error) {
	var all []Event
	for e, err := range d.Journal.Find(ctx, journal.Filter{Site: q.Site, Subject: q.ID, Kinds: []string{"privacy.request.*"}}) {
		if err != nil {
			return nil, err
		}
		event := Event{At: e.At, By: e.Actor, What: strings.TrimPrefix(e.Kind, "privacy.request."), Erased: e.Erased, Data: map[string]string{}}
		if err := json.Unmarshal(e.Data, &event.Data); err != nil {
			return nil, fault.As(fault.Internal, err)
		}
		if len(e.Payload) > 0 {
			if err := json.Unmarshal(e.Payload, &event.Texts); err != nil {
				return nil, fault.As(fault.Internal, err)
			}
		}
		all = append(all, event)
	}
	return all, nil
}
