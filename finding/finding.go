// Package finding keeps findings and actions: gap, owner, state, due date, effect.
//
// A finding is a measurement short of its reference. A capability derives it
// (Derive) as often as it likes; what it is about, by which rule and content set,
// makes its id, so that the same gap is the same finding after every rebuild. What
// people decide about it (Decide, Act) lives in tables of its own, is journalled
// and outlives every rebuild. A finding that no longer derives is shown as
// withdrawn and is never deleted; when it derives again it is back, with its
// owner, notes and actions.
//
// The package draws no conclusion: which value is a finding, and how important it
// is, is for the capability to say.
package finding

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"

	"radagora/db"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// A State is how far people are with a finding.
type State string

// The states. StateWithdrawn is not decided but follows from the measurement.
const (
	StateOpen          State = "open"
	StateInWork        State = "in_work"
	StateMeasuredAgain State = "measured_again"
	StateClosed        State = "closed"
	StateWithdrawn     State = "withdrawn"
)

// States returns all states in the order in which they are shown.
func States() []State {
	return []State{StateOpen, StateInWork, StateMeasuredAgain, StateClosed, StateWithdrawn}
}

// A Subject is what a finding is about. Empty fields do not matter; all others
// together are part of the finding's identity.
type Subject struct {
	Site       string `json:"site"`
	Room       string `json:"room,omitempty"`       // id
	Machine    string `json:"machine,omitempty"`    // id
	Exam       string `json:"exam,omitempty"`       // code
	Indication string `json:"indication,omitempty"` // code
	Group      string `json:"group,omitempty"`      // size or age group
	Quantity   string `json:"quantity,omitempty"`   // such as dlp
	Period     string `json:"period,omitempty"`     // such as 2026-H1
	Object     string `json:"object,omitempty"`     // examination, study or document
}

// Measured is the value that fell short.
type Measured struct {
	Value     float64
	Unit      string
	Low, High *float64 // interval, nil if there is none
	N         int      // cases
}

// Reference is what the value was compared with.
type Reference struct {
	Value   *float64 // nil if the reference is no number
	Unit    string
	Set     string // id of the content set
	Edition string
	Digest  string // of the content set
	Source  string // in words: document, table, row
}

// Derived is a finding as a capability computes it.
type Derived struct {
	Rule    string // room.rule, such as dose.level
	Subject Subject
	// Key takes the place of the subject in the identity, where what is known of the
	// subject may change; "" for none.
	Key        string
	Code       string  // state of the comparison, such as above_certain
	Importance float64 // the larger the sooner; within one rule comparable
	Measured   Measured
	Reference  Reference
	Data       json.RawMessage // what else explains it; nil for nothing
}

// ID returns the id of the finding: a UUID made from rule, content set and subject.
// A new edition of the same set leaves it as it is.
func (d Derived) ID() string {
	s := d.Subject
	parts := []string{d.Rule, d.Reference.Set, s.Site, s.Room, s.Machine, s.Exam, s.Indication, s.Group, s.Quantity, s.Period, s.Object}
	if d.Key != "" {
		parts = []string{d.Rule, d.Reference.Set, s.Site, "key", d.Key}
	}
	name := strings.Join(parts, "\x00")
	return uuid.NewHash(sha256.New(), uuid.NameSpaceOID, []byte("finding\x00"+name), 8).String()
}

// A Journal takes what people decided. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Register keeps findings. It is safe for concurrent use.
type Register struct {
	db      *db.DB
	journal Journal
	now     func() time.Time
	led     map[string]bool // rules whose findings their room leads
}

// Lead says that a room leads the findings of a rule by steps of its own: Decide
// refuses them, and DecideIn takes what the room decides. Call it before anybody
// decides.
func (r *Register) Lead(rule string) {
	if r.led == nil {
		r.led = map[string]bool{}
	}
	r.led[rule] = true
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and returns the register.
func Open(ctx context.Context, d *db.DB, j Journal, now func() time.Time) (*Register, error) {
	if err := d.Migrate(ctx, "finding", Migrations()); err != nil {
		return nil, err
	}
	return &Register{db: d, journal: j, now: now}, nil
}
