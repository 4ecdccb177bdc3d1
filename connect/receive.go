package connect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/job"
)

// A State says how far a message is.
type State string

// The states.
const (
	Received  State = "received"  // it waits for its turn
	Applied   State = "applied"   // it had its effect, which may be none
	Waiting   State = "waiting"   // a person has to say something first
	Failed    State = "failed"    // it cannot be applied as it is
	Duplicate State = "duplicate" // the same message was here before
	Replaced  State = "replaced"  // a person corrected it
	Removed   State = "removed"   // a person set it aside
)

// Why a message waits, failed, or changed nothing.
const (
	ReasonUnreadable = "unreadable"     // it is no message
	ReasonUnknown    = "unknown_person" // nobody of its numbers is known, and the channel waits for that
	ReasonNobody     = "no_person"      // it names nobody
	ReasonDistinct   = "distinct"       // it joins two whom people found to be two
	ReasonHeld       = "held"           // its sender is held
	ReasonRefused    = "refused"        // a room refused it: the detail says which field
	ReasonAmbiguous  = "ambiguous"      // more than one order has its numbers
	ReasonNoOrder    = "no_order"       // it is about an order that is not known
	ReasonModality   = "no_modality"    // nobody says which kind of machine an order is for
	ReasonInternal   = "internal"       // our mistake
	ReasonNothing    = "nothing"        // it says nothing that is read
	ReasonLate       = "late"           // something newer is known
	ReasonDone       = "done"           // it had an effect
	ReasonMoved      = "visit_moved"    // it moves a visit, which is not kept
	ReasonReply      = "reply"          // it answers something
	ReasonOwn        = "own"            // it is one of ours that came back
)

// An Arrival is what came over a line.
type Arrival struct {
	Site    string
	Body    []byte
	Address string // of the sender
}

// A Receipt says what became of an arrival: it is stored, or refused for a reason.
type Receipt struct {
	Message *hl7.Message // nil if it cannot be read
	ID      string       // of the stored message, "" if it was refused
	State   State
}

// Receive stores a message, durably, before it returns. An error is the reason for
// which it was not stored, of kind Forbidden (its sender is not accepted), Invalid
// (it does not even begin like a message), Unsupported (no names are kept here) or
// that of the database. One that begins like a message and cannot be read is stored
// as Failed, and err is nil: the Receipt has no Message then.
func (r *Register) Receive(ctx context.Context, a Arrival) (Receipt, error) {
	if r.Nameless {
		return Receipt{}, fault.Errorf(fault.Unsupported, "connect: this installation keeps no names, so it takes no messages")
	}
	h, err := readHeader(a.Body)
	if err != nil {
		return Receipt{}, err
	}
	var out Receipt
	refused := false
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		out, refused = Receipt{}, false
		c, err := r.sender(ctx, tx, a.Site, h.application, h.facility, a.Address)
		if err != nil {
			return err
		}
		refused = c.State == Knocking || c.State == Blocked || !c.from(a.Address)
		if err := r.heard(ctx, tx, c, a.Address, refused); err != nil || refused {
			return err
		}
		out, err = r.store(ctx, tx, c, a.Body, "")
		return err
	})
	if err == nil && refused {
		err = fault.Errorf(fault.Forbidden, "messages of this sender are not accepted")
	}
	return out, err
}

// store keeps a message of a channel as part of tx.
func (r *Register) store(ctx context.Context, tx *db.Tx, c Channel, body []byte, replaces string) (Receipt, error) {
	m := Message{ID: db.NewID(), Site: c.Site, Channel: c.ID, Body: body, At: r.Now(), State: Received, Replaces: replaces, By: actor(ctx)}
	sum := sha256.Sum256(body)
	m.digest = hex.EncodeToString(sum[:])
	parsed, err := hl7.Parse(body, &hl7.Options{Charset: c.Charset})
	switch {
	case err != nil:
		m.State, m.Reason, m.Detail = Failed, ReasonUnreadable, []Problem{problemOf(err)}
	default:
		m.describe(parsed)
		if mapping, err := r.mapping(c.Site, c.Mapping); err == nil {
			e := mapping.Read(parsed, r.reading(ctx, c))
			m.Person, m.Event = r.keyOf(e.Patient, c), e.At
			m.Others = slices.DeleteFunc(r.personsOf(e, c), func(key string) bool { return key == m.Person })
		}
		same, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select message_id from connect_message where channel_id = $1 and digest = $2 and state <> 'removed' limit 1`, c.ID, m.digest)
		if err != nil {
			return Receipt{}, err
		}
		if len(same) > 0 && replaces == "" {
			m.State, m.Reason = Duplicate, same[0]
		} else if c.State == Held {
			m.State, m.Reason = Waiting, ReasonHeld
		}
	}
	if err := r.insert(ctx, tx, m); err != nil {
		return Receipt{}, err
	}
	if err := r.file(ctx, tx, m); err != nil {
		return Receipt{}, err
	}
	if m.State == Received {
		if err := r.Jobs.Add(ctx, tx, r.work(c.Site)); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{Message: parsed, ID: m.ID, State: m.State}, nil
}

// work is the job that applies what a site received.
func (*Register) work(site string) job.Job {
	return job.Job{Site: site, Kind: applying, Key: site}
}

// A Message is one that was received. Printed or logged it shows nothing of its body.
type Message struct {
	ID, Site, Channel string
	Control           string // MSH-10
	Code              string // ADT^A01
	Event             time.Time
	At                time.Time
	Body              []byte
	Person            string
	Others            []string // whom else it speaks of; of lists, nobody
	State             State
	Reason            string
	Detail            []Problem
	Attempts          int
	Done              time.Time
	Replaces, By      string
	Emptied           bool // its content was kept for as long as it is
	digest            string
}

// String shows no content.
func (m Message) String() string { return m.Code + " " + m.ID }

// describe takes the names of a message from its header.
func (m *Message) describe(p *hl7.Message) {
	msh := p.Segment("MSH", 1)
	m.Control = cut(msh.Field(10).Text(), 200)
	m.Code = codeOf(p)
}

// codeOf returns ADT^A01, from MSH-9 or, where that has no event, EVN-1.
func codeOf(p *hl7.Message) string {
	kind := p.Segment("MSH", 1).Field(9)
	code, event := kind.Component(1).Text(), kind.Component(2).Text()
	if event == "" {
		event = p.Segment("EVN", 1).Field(1).Text()
	}
	if event != "" {
		code += "^" + event
	}
	return cut(code, 40)
}

// cut shortens text to at most n bytes, at a letter.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (r *Register) insert(ctx context.Context, tx *db.Tx, m Message) error {
	detail, err := json.Marshal(m.Detail)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	event := int64(0)
	if !m.Event.IsZero() {
		event = db.Millis(m.Event)
	}
	_, err = tx.Exec(ctx, `insert into connect_message (message_id, site_id, channel_id, control_id, code, event_at, at, digest, body, person,
		state, reason, detail, replaces, by_whom) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		m.ID, m.Site, m.Channel, m.Control, m.Code, event, db.Millis(m.At), m.digest, m.Body, m.Person, m.State, m.Reason, string(detail),
		m.Replaces, m.By)
	return err
}

// A header is what is needed of a message to know who sends it.
type header struct{ application, facility string }

// readHeader reads it, even of a message that cannot be read otherwise.
func readHeader(b []byte) (header, error) {
	m, err := hl7.Peek(b)
	if err != nil {
		return header{}, err
	}
	h := m.Header()
	word := func(d hl7.HD) string {
		if d.Namespace != "" {
			return cut(d.Namespace, 180)
		}
		return cut(d.UniversalID, 180)
	}
	return header{word(h.SendingApplication), word(h.SendingFacility)}, nil
}
