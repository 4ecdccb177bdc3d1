package finding

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"radagora/db"
	"radagora/fault"
)

// A Scope is what one call of Derive speaks for: all findings of a rule at a site,
// or only one part of them. Parts are the capability's to choose, such as a room.
type Scope struct {
	Site string
	Rule string
	Part string // "" means all parts
}

// A Change says what a call of Derive did, by ids.
type Change struct{ New, Restored, Withdrawn []string }

// Derive replaces within tx the derived part of a scope by what was found now: what
// is not among found any more is withdrawn, what was withdrawn and is found again
// is back. What people decided stays. part says which part a finding belongs to when
// the scope has them all; it may be nil for rules without parts. It is Internal for
// a finding outside the scope, one found twice, or a value that is no number.
func (r *Register) Derive(ctx context.Context, tx *db.Tx, scope Scope, found []Derived, part func(Derived) string) (Change, error) {
	had, err := within(ctx, tx, scope)
	if err != nil {
		return Change{}, fmt.Errorf("findings of %s: %w", scope.Rule, err)
	}
	var change Change
	now, seen := db.Millis(r.now()), map[string]bool{}
	for _, d := range found {
		id := d.ID()
		if err := d.check(scope); err != nil {
			return Change{}, err
		}
		if seen[id] {
			return Change{}, fault.Errorf(fault.Internal, "rule %s found %s twice", scope.Rule, id)
		}
		seen[id] = true
		of := scope.Part
		if of == "" && part != nil {
			of = part(d)
		}
		if err := put(ctx, tx, id, of, d, now); err != nil {
			return Change{}, fmt.Errorf("finding %s: %w", id, err)
		}
		switch withdrawn, was := had[id]; {
		case !was:
			change.New = append(change.New, id)
		case withdrawn:
			change.Restored = append(change.Restored, id)
		}
	}
	for id, withdrawn := range had {
		if seen[id] || withdrawn {
			continue
		}
		change.Withdrawn = append(change.Withdrawn, id)
		_, err := tx.Exec(ctx, `update finding_derived set withdrawn_at = $1 where finding_id = $2`, now, id)
		if err != nil {
			return Change{}, fmt.Errorf("withdraw finding %s: %w", id, err)
		}
	}
	return change, nil
}

// check refuses what the capability cannot mean.
func (d Derived) check(scope Scope) error {
	numbers := []float64{d.Measured.Value, d.Importance}
	for _, v := range []*float64{d.Measured.Low, d.Measured.High, d.Reference.Value} {
		if v != nil {
			numbers = append(numbers, *v)
		}
	}
	for _, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fault.Errorf(fault.Internal, "rule %s: a value is not a number", d.Rule)
		}
	}
	if d.Rule == "" || d.Subject.Site == "" || d.Rule != scope.Rule || d.Subject.Site != scope.Site {
		return fault.Errorf(fault.Internal, "rule %q at site %q is outside the scope %q at %q", d.Rule, d.Subject.Site, scope.Rule, scope.Site)
	}
	return nil
}

// within returns the findings of a scope, and whether each is withdrawn.
func within(ctx context.Context, tx *db.Tx, scope Scope) (map[string]bool, error) {
	had := map[string]bool{}
	_, err := db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var id string
		var withdrawn int64
		err := r.Scan(&id, &withdrawn)
		had[id] = withdrawn != 0
		return struct{}{}, err
	}, `select finding_id, withdrawn_at from finding_derived
		where site_id = $1 and rule = $2 and ($3 = '' or part = $3)`, scope.Site, scope.Rule, scope.Part)
	return had, err
}

// put writes the derived part of one finding.
func put(ctx context.Context, tx *db.Tx, id, part string, d Derived, now int64) error {
	subject, err := json.Marshal(d.Subject)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = tx.Exec(ctx, `insert into finding_derived (finding_id, site_id, rule, part, subject, room_id, state,
		importance, n, value, unit, low, high, reference, reference_unit, set_id, edition, digest, source, data, first_at, computed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21)
		on conflict (finding_id) do update set part = excluded.part, subject = excluded.subject, room_id = excluded.room_id,
		state = excluded.state, importance = excluded.importance, n = excluded.n, value = excluded.value, unit = excluded.unit,
		low = excluded.low, high = excluded.high, reference = excluded.reference, reference_unit = excluded.reference_unit,
		edition = excluded.edition, digest = excluded.digest, source = excluded.source, data = excluded.data,
		computed_at = excluded.computed_at, withdrawn_at = 0`,
		id, d.Subject.Site, d.Rule, part, string(subject), d.Subject.Room, d.Code,
		d.Importance, d.Measured.N, d.Measured.Value, d.Measured.Unit, d.Measured.Low, d.Measured.High,
		d.Reference.Value, d.Reference.Unit, d.Reference.Set, d.Reference.Edition, d.Reference.Digest, d.Reference.Source,
		cmp.Or(string(d.Data), "{}"), now)
	return err
}
