package connect

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/job"
	"radagora/journal"
	"radagora/worklist"
)

// Consumer is the name under which connect reads the journal.
const Consumer = "connect"

// followed are the entries that make messages.
var followed = []string{
	"worklist.order.created", "worklist.order.changed", "worklist.order.cancelled", "worklist.step.changed",
	"worklist.study.matched", worklist.KindComplete,
}

// Run follows the journal and writes messages for those who are to be told, until ctx
// ends. They are sent by a job.
func (r *Register) Run(ctx context.Context) error {
	return r.Journal.Follow(ctx, Consumer, followed, r.follow)
}

// A happening is what an entry of the journal says that somebody may be told.
type happening struct {
	journal.Entry
	order worklist.Order
	step  string         // key of the one that changed; "" for the whole order
	state worklist.State // of the step, or of the order
	from  Channel        // that told it to us; zero if no message did
}

// follow writes messages of what happened, in the transaction that moves the cursor.
func (r *Register) follow(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	receivers := map[string][]Receiver{}
	for _, e := range batch {
		to, ok := receivers[e.Site]
		if !ok {
			var err error
			if to, err = r.receivers(ctx, tx, e.Site); err != nil {
				return err
			}
			receivers[e.Site] = to
		}
		if e.Kind == followed[0] || e.Kind == followed[1] {
			if err := r.linkReports(ctx, tx, e); err != nil {
				return err
			}
		}
		if len(to) == 0 {
			continue
		}
		if err := r.happened(ctx, tx, e, to); err != nil {
			return err
		}
	}
	return nil
}

// happened writes messages of one entry.
func (r *Register) happened(ctx context.Context, tx *db.Tx, e journal.Entry, to []Receiver) error {
	if strings.HasPrefix(e.Kind, "worklist.study.") {
		return r.doseLater(ctx, tx, e, to)
	}
	h, ok, err := r.happening(ctx, tx, e)
	if err != nil || !ok {
		return err
	}
	for _, c := range to {
		kind, control := tells(c, h)
		if kind == "" || c.is(h.from) {
			continue
		}
		if err := r.write(ctx, tx, c, kind, h.order.ID, h.order.Person, e.ID+string(kind), "", func(control10 string) (*hl7.Message, error) {
			return r.orderMessage(ctx, c, control10, control, h)
		}); err != nil {
			return err
		}
	}
	return nil
}

// tells returns as what a receiver is told of something: a change of the worklist or
// a state, with the word of its order control; "" if it is not.
func tells(c Receiver, h happening) (kind OutKind, control string) {
	change := map[string]string{"worklist.order.created": "new", "worklist.order.changed": "change", "worklist.order.cancelled": "cancel"}[h.Kind]
	switch {
	case change != "" && c.gets(OutChanges, h.At):
		return OutChanges, change
	case change != "change" && c.gets(OutStatus, h.At):
		return OutStatus, "status"
	default:
		return "", ""
	}
}

// is reports whether a receiver is the system of a channel: it is told nothing that
// it told us.
func (c Receiver) is(from Channel) bool {
	return from.ID != "" && from.Application == c.ToApplication && (from.Facility == "" || c.ToFacility == "" || from.Facility == c.ToFacility)
}

// happening reads an entry about an order; not ok: nobody can be told any more.
func (r *Register) happening(ctx context.Context, q db.Querier, e journal.Entry) (h happening, ok bool, err error) {
	h.Entry, h.state = e, worklist.Scheduled
	var data struct {
		Step  string         `json:"step"`
		State worklist.State `json:"state"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return h, false, fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
	}
	cancelled := struct{ Order worklist.Order }{}
	switch {
	case e.Kind == "worklist.step.changed":
		h.step, h.state = data.Step, data.State
		h.order, err = r.Orders.Get(r.asSelf(ctx, e.Site), e.Site, e.Subject)
		if fault.Of(err) == fault.NotFound {
			return h, false, nil
		}
	case e.Payload == nil: // erased
		return h, false, nil
	case e.Kind == "worklist.order.cancelled":
		h.state = worklist.Cancelled
		err = json.Unmarshal(e.Payload, &cancelled)
		h.order = cancelled.Order
	default:
		err = json.Unmarshal(e.Payload, &h.order)
	}
	if err != nil {
		return h, false, err
	}
	h.order.Person = r.Key(h.order.Patient.Issuer, h.order.Patient.ID)
	if id, by := strings.CutPrefix(e.Actor, "hl7:"); by {
		h.from, err = r.channel(ctx, q, e.Site, id)
		if fault.Of(err) == fault.NotFound {
			err = nil
		}
	}
	return h, err == nil, err
}

// asSelf is a context in which the program reads the worklist.
func (r *Register) asSelf(ctx context.Context, site string) context.Context {
	return access.WithJudge(access.With(ctx, access.Who{
		ID: "system:connect", Name: "connect", Grants: access.At(site, access.Steward), SignedAt: r.Now(), Door: "hl7",
		Scopes: []string{string(access.StepFind)},
	}), r.Judge)
}

// controlOf returns the MSH-10 of a message: the same whenever it is written anew.
func controlOf(receiver, seed string) string {
	sum := sha256.Sum256([]byte(receiver + " " + seed))
	return "RG" + base32.StdEncoding.EncodeToString(sum[:10])
}

// write keeps a message for a receiver as part of tx. One that cannot be written, for
// example in its character set, is kept as failed, for a person.
func (r *Register) write(ctx context.Context, tx *db.Tx, c Receiver, kind OutKind, subject, person, seed, digest string, compose func(control string) (*hl7.Message, error)) error {
	m := Outgoing{
		ID: db.NewID(), Site: c.Site, Receiver: c.ID, Control: controlOf(c.ID, seed), Kind: kind, Subject: subject, Person: person,
		At: r.Now(), State: Queued, digest: digest,
	}
	written, err := compose(m.Control)
	switch {
	case err == nil:
		m.Code, m.Body = codeOf(written), written.Bytes()
	case fault.Of(err) == fault.Invalid:
		m.State, m.Reason, m.Done = OutFailed, ReasonUnwritable, r.Now()
	default:
		return err
	}
	fresh, err := r.insertOutgoing(ctx, tx, m)
	if err != nil || !fresh {
		return err
	}
	if m.State == OutFailed {
		r.Log.WarnContext(ctx, "message not written", "outgoing", m.ID, "kind", kind, "err", err)
	}
	return r.Jobs.Add(ctx, tx, sendWork(c))
}

// sendWork is the job that sends what waits for a receiver. Of all processes one does
// so at a time: the job has one key.
func sendWork(c Receiver) job.Job { return job.Job{Site: c.Site, Kind: sending, Key: c.ID} }

// An OutState says how far an outgoing message is.
type OutState string

// The states.
const (
	Queued      OutState = "queued"   // it waits for its turn
	Sent        OutState = "sent"     // the receiver took it
	Refused     OutState = "refused"  // the receiver answered that it does not take it
	OutFailed   OutState = "failed"   // it cannot be sent as it is
	OutReplaced OutState = "replaced" // a person corrected it
	OutRemoved  OutState = "removed"  // a person set it aside
)

// ReasonUnwritable is that a message cannot be written, as its receiver has it.
const ReasonUnwritable = "unwritable"

// An Outgoing is a message that we send. Printed or logged it shows nothing of its
// body.
type Outgoing struct {
	ID, Site, Receiver string
	Control            string // MSH-10
	Kind               OutKind
	Code               string // ORU^R01
	Subject            string // id of the order, or the study UID
	Body, Answer       []byte // nil once they are removed
	Person             string
	At                 time.Time
	State              OutState
	Reason             string
	Attempts           int
	Done               time.Time
	Emptied            bool // the content was kept for as long as it is
	Replaces, By       string
	digest             string
}

// String shows no content.
func (m Outgoing) String() string { return m.Code + " " + m.ID }

// insertOutgoing writes a message, unless the receiver has one of that control id.
func (*Register) insertOutgoing(ctx context.Context, tx *db.Tx, m Outgoing) (fresh bool, err error) {
	if m.Body == nil {
		m.Body = []byte{}
	}
	n, err := tx.Exec(ctx, `insert into connect_outgoing (outgoing_id, site_id, receiver_id, control_id, kind, code, subject, digest, body, person,
		at, state, reason, done_at, replaces, by_whom) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		on conflict (receiver_id, control_id) do nothing`,
		m.ID, m.Site, m.Receiver, m.Control, m.Kind, m.Code, m.Subject, m.digest, m.Body, m.Person, db.Millis(m.At), m.State, m.Reason,
		db.Millis(m.Done), m.Replaces, m.By)
	return n > 0, err
}

const fromOutgoing = `select outgoing_id, site_id, receiver_id, control_id, kind, code, subject, digest, body, answer, person, at, state, reason,
	attempts, done_at, emptied, replaces, by_whom from connect_outgoing `

func scanOutgoing(r *db.Rows) (m Outgoing, err error) {
	var at, done int64
	err = r.Scan(&m.ID, &m.Site, &m.Receiver, &m.Control, &m.Kind, &m.Code, &m.Subject, &m.digest, &m.Body, &m.Answer, &m.Person, &at, &m.State,
		&m.Reason, &m.Attempts, &done, &m.Emptied, &m.Replaces, &m.By)
	m.At, m.Done = db.FromMillis(at), db.FromMillis(done)
	return m, err
}
