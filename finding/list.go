package finding

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Finding is the derived and the human part together.
type Finding struct {
	ID string
	Derived
	FirstAt     time.Time
	ComputedAt  time.Time
	WithdrawnAt time.Time // zero while it derives

	State   State // StateWithdrawn, or as people decided
	Decided State // as people decided, withdrawn or not
	Owner   string
	Due     string // 2006-01-02
	Version int64  // for Decide
}

// Overdue reports whether the finding should have been done before day, written
// 2006-01-02.
func (f Finding) Overdue(day string) bool {
	return f.Due != "" && f.Due < day && f.State != StateClosed && f.State != StateWithdrawn
}

// A Note is one step in the history of a finding, as things were after it.
type Note struct {
	At    time.Time
	Actor string
	Owner string
	State State
	Due   string
	Text  string
	Step  string // what the room that leads the finding calls it
}

// A Filter chooses findings. Empty fields choose all.
type Filter struct {
	Site   string
	States []State
	Owner  string
	Rule   string // a rule, or the begin of rules up to a full stop: "dose" has "dose.level"
	Room   string
	Limit  int // 0 means 200
	Offset int
}

const selectFinding = `select d.finding_id, d.rule, d.subject, d.state, d.importance, d.n, d.value, d.unit, d.low, d.high,
	d.reference, d.reference_unit, d.set_id, d.edition, d.digest, d.source, d.data, d.first_at, d.computed_at, d.withdrawn_at,
	coalesce(h.state, 'open'), coalesce(h.owner, ''), coalesce(h.due, ''), coalesce(h.version, 0)
	from finding_derived d left join finding_human h on h.finding_id = d.finding_id`

// List returns the findings a filter chooses, the most important first: those that
// derive before those that are withdrawn, those not closed before the closed.
func (r *Register) List(ctx context.Context, f Filter) ([]Finding, error) {
	where, args := f.where()
	limit := f.Limit
	if limit <= 0 {
		limit = 200
	}
	args = append(args, limit, max(f.Offset, 0))
	query := fmt.Sprintf(`%s %s order by case when d.withdrawn_at = 0 then 0 else 1 end,
		case when h.state = 'closed' then 1 else 0 end, d.importance desc, d.finding_id
		limit $%d offset $%d`, selectFinding, where, len(args)-1, len(args))
	return db.List(ctx, r.db, scanFinding, query, args...)
}

// Count returns how many findings a filter chooses, whatever its limit.
func (r *Register) Count(ctx context.Context, f Filter) (n int, err error) {
	where, args := f.where()
	err = r.db.QueryRow(ctx, `select count(*) from finding_derived d
		left join finding_human h on h.finding_id = d.finding_id `+where, args...).Scan(&n)
	return n, err
}

// where writes a filter in SQL.
func (f Filter) where() (string, []any) {
	var terms []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	for _, t := range []struct{ term, value string }{
		{"d.site_id = %s", f.Site}, {"coalesce(h.owner, '') = %s", f.Owner}, {"d.room_id = %s", f.Room},
	} {
		if t.value != "" {
			terms = append(terms, fmt.Sprintf(t.term, arg(t.value)))
		}
	}
	if f.Rule != "" {
		begin := f.Rule + "."
		terms = append(terms, fmt.Sprintf("(d.rule = %s or substr(d.rule, 1, %d) = %s)", arg(f.Rule), len(begin), arg(begin)))
	}
	var states []string
	for _, s := range f.States {
		if s == StateWithdrawn {
			states = append(states, "d.withdrawn_at <> 0")
			continue
		}
		states = append(states, fmt.Sprintf("d.withdrawn_at = 0 and coalesce(h.state, 'open') = %s", arg(s)))
	}
	if len(states) > 0 {
		terms = append(terms, "("+strings.Join(states, " or ")+")")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return "where " + strings.Join(terms, " and "), args
}

// Get returns one finding with its history and actions, NotFound if there is none.
func (r *Register) Get(ctx context.Context, id string) (f Finding, history []Note, acts []Action, err error) {
	err = r.db.Read(ctx, func(tx *db.Tx) error {
		found, err := db.List(ctx, tx, scanFinding, selectFinding+` where d.finding_id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Errorf(fault.NotFound, "no finding %s", id)
		}
		f = found[0]
		if history, err = notes(ctx, tx, id); err != nil {
			return err
		}
		acts, err = actions(ctx, tx, id)
		return err
	})
	return f, history, acts, err
}

// notes returns the history of a finding, the oldest first.
func notes(ctx context.Context, q db.Querier, id string) ([]Note, error) {
	return db.List(ctx, q, func(r *db.Rows) (n Note, err error) {
		var at int64
		err = r.Scan(&at, &n.Actor, &n.Owner, &n.State, &n.Due, &n.Text, &n.Step)
		n.At = db.FromMillis(at)
		return n, err
	}, `select at, actor, owner, state, due, note, step from finding_note where finding_id = $1 order by note_id`, id)
}

// scanFinding reads a row of selectFinding.
func scanFinding(r *db.Rows) (f Finding, err error) {
	var subject, data string
	var first, computed, withdrawn int64
	err = r.Scan(&f.ID, &f.Rule, &subject, &f.Code, &f.Importance, &f.Measured.N, &f.Measured.Value, &f.Measured.Unit,
		&f.Measured.Low, &f.Measured.High, &f.Reference.Value, &f.Reference.Unit, &f.Reference.Set, &f.Reference.Edition,
		&f.Reference.Digest, &f.Reference.Source, &data, &first, &computed, &withdrawn, &f.Decided, &f.Owner, &f.Due, &f.Version)
	if err != nil {
		return Finding{}, err
	}
	if err := json.Unmarshal([]byte(subject), &f.Subject); err != nil {
		return Finding{}, fault.Errorf(fault.Internal, "subject of finding %s: %w", f.ID, err)
	}
	f.Data = json.RawMessage(data)
	f.FirstAt, f.ComputedAt, f.WithdrawnAt = db.FromMillis(first), db.FromMillis(computed), db.FromMillis(withdrawn)
	f.State = f.Decided
	if withdrawn != 0 {
		f.State = StateWithdrawn
	}
	return f, nil
}
