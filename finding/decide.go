package finding

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Decision is what somebody decides about a finding. Nil fields stay as they are.
type Decision struct {
	ID      string
	Version int64 // of the finding as it was read
	Owner   *string
	State   *State  // any but StateWithdrawn
	Due     *string // 2006-01-02, "" for none
	Note    string  // kept in the history; closing needs one
	Step    string  // what the room that leads the finding calls this; "" for none
}

// The longest note or text of an action, in bytes.
const textLimit = 8 << 10

// Decide writes a decision of whoever asks (access.From) and returns the new
// version. It is Forbidden for roles that may not decide, NotFound for a finding
// that is not there, Invalid for a state or date that cannot be or a closing
// without a note, and Conflict if somebody decided since it was read.
func (r *Register) Decide(ctx context.Context, d Decision) (version int64, err error) {
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		var rule string
		err := tx.QueryRow(ctx, `select rule from finding_derived where finding_id = $1`, d.ID).Scan(&rule)
		if err == nil && r.led[rule] {
			return fault.Errorf(fault.Conflict, "finding %s is a case: it is decided where cases are", d.ID)
		}
		version, err = r.DecideIn(ctx, tx, d)
		return err
	})
	return version, err
}

// DecideIn is Decide as part of tx, for the room that leads the finding.
func (r *Register) DecideIn(ctx context.Context, tx *db.Tx, d Decision) (version int64, err error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	site, err := allowed(ctx, tx, d.ID)
	if err != nil {
		return 0, err
	}
	h, err := readHuman(ctx, tx, d.ID)
	if err != nil {
		return 0, err
	}
	if h.Version != d.Version {
		return 0, fault.Errorf(fault.Conflict, "finding %s was changed meanwhile: read it again", d.ID)
	}
	before := h
	d.apply(&h)
	return h.Version, r.write(ctx, tx, site, d, before, h)
}

// VersionIn returns the version of the finding for DecideIn.
func (*Register) VersionIn(ctx context.Context, tx *db.Tx, id string) (int64, error) {
	h, err := readHuman(ctx, tx, id)
	return h.Version, err
}

// check refuses what cannot be decided.
func (d Decision) check() error {
	switch {
	case d.State != nil && (*d.State == StateWithdrawn || !slices.Contains(States(), *d.State)):
		return fault.Errorf(fault.Invalid, "finding %s: state %q cannot be decided", d.ID, *d.State)
	case d.State != nil && *d.State == StateClosed && strings.TrimSpace(d.Note) == "":
		return fault.Errorf(fault.Invalid, "finding %s: write a result or a reason to close it", d.ID)
	case d.Due != nil && !validDay(*d.Due):
		return fault.Errorf(fault.Invalid, "finding %s: write the due date as YYYY-MM-DD", d.ID)
	case len(d.Note) > textLimit:
		return fault.Errorf(fault.Invalid, "finding %s: the note is longer than %d bytes", d.ID, textLimit)
	}
	return nil
}

// validDay reports whether s is a day or "".
func validDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return s == "" || err == nil
}

// apply changes h as decided.
func (d Decision) apply(h *human) {
	if d.Owner != nil {
		h.Owner = *d.Owner
	}
	if d.State != nil {
		h.State = *d.State
	}
	if d.Due != nil {
		h.Due = *d.Due
	}
	h.Version++
}

// human is the part of a finding that people decide.
type human struct {
	Owner   string
	State   State
	Due     string
	Version int64 // 0 while nobody decided anything
}

// readHuman reads what people decided so far.
func readHuman(ctx context.Context, tx *db.Tx, id string) (human, error) {
	h := human{State: StateOpen}
	err := tx.QueryRow(ctx, `select owner, state, due, version from finding_human where finding_id = $1`, id).
		Scan(&h.Owner, &h.State, &h.Due, &h.Version)
	if err != nil && fault.Of(err) != fault.NotFound {
		return human{}, err
	}
	return h, nil
}

// allowed returns the site of a finding if whoever asks may decide there.
func allowed(ctx context.Context, tx *db.Tx, id string) (string, error) {
	var site string
	err := tx.QueryRow(ctx, `select site_id from finding_derived where finding_id = $1`, id).Scan(&site)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", id, err)
	}
	return site, access.Check(ctx, access.FindingDecide, access.Subject{Site: site})
}

// write keeps a decision: as it is now, in the history, and in the journal. The
// update counts the version too, so that of two decisions at the same moment one
// is told.
func (r *Register) write(ctx context.Context, tx *db.Tx, site string, d Decision, before, after human) error {
	n, err := tx.Exec(ctx, `insert into finding_human (finding_id, site_id, owner, state, due, version)
		values ($1, $2, $3, $4, $5, $6) on conflict (finding_id) do update set
		owner = excluded.owner, state = excluded.state, due = excluded.due, version = excluded.version
		where finding_human.version = $7`, d.ID, site, after.Owner, after.State, after.Due, after.Version, before.Version)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "finding %s was changed meanwhile: read it again", d.ID)
	}
	_, err = tx.Exec(ctx, `insert into finding_note (note_id, finding_id, at, actor, owner, state, due, note, step)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		db.NewID(), d.ID, db.Millis(r.now()), access.From(ctx).ID, after.Owner, after.State, after.Due, d.Note, d.Step)
	if err != nil {
		return err
	}
	return r.record(ctx, tx, site, "finding.state.changed", d.ID, map[string]any{
		"owner": after.Owner, "owner_before": before.Owner, "state": after.State, "state_before": before.State,
		"due": after.Due, "due_before": before.Due, "noted": d.Note != "", "step": d.Step, // what the note says may concern a patient
	})
}

// record writes what somebody decided to the journal, in the same transaction.
func (r *Register) record(ctx context.Context, tx *db.Tx, site, kind, id string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.journal.Append(ctx, tx, journal.Entry{
		Site: site, At: r.now(), Actor: access.From(ctx).ID, Kind: kind, Subject: id, Data: text,
	})
}
