package privacy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Copy is what of a person was sent to somebody.
type Copy struct {
	To    string    `json:"to"`   // such as the title of a peer
	What  string    `json:"what"` // kind of the journal entry
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}

// A Bound is a rule of retention that concerns what is held.
type Bound struct {
	Rule     string `json:"rule"`
	Law      string `json:"law"`
	Verified bool   `json:"verified"`
	Meaning  Words  `json:"meaning"`
	Until    string `json:"until,omitempty"` // day; "" if it cannot be told
	Holds    bool   `json:"holds"`           // not over, or nobody can tell
}

// A Part is what happens to what one room holds.
type Part struct {
	Room   string         `json:"room"`
	Kinds  []Held         `json:"kinds"`
	Kept   map[string]int `json:"kept,omitempty"`   // by reason
	Erased int            `json:"erased,omitempty"` // records, once it is done
}

// A Plan is an erasure that somebody has to look at again before it is done.
type Plan struct {
	ID        string    `json:"id"`
	Site      string    `json:"site"`
	Person    string    `json:"person"` // pseudonym
	Request   string    `json:"request,omitempty"`
	Reason    string    `json:"reason"`
	Parts     []Part    `json:"parts"`
	Bounds    []Bound   `json:"bounds"`
	Copies    []Copy    `json:"copies"`
	Backups   time.Time `json:"backups_until"` // the zero time: nobody knows
	Digest    string    `json:"digest"`        // of what is held
	PlannedBy string    `json:"planned_by"`
	PlannedAt time.Time `json:"planned_at"`
	State     string    `json:"state"` // planned, dropped, done
	Proof     *Proof    `json:"-"`
}

// Bound reports whether a rule of retention holds, so that the erasure needs a
// reason of its own.
func (p Plan) Bound() bool {
	for _, b := range p.Bounds {
		if b.Holds {
			return true
		}
	}
	return false
}

// A Proof says what was erased, when, by whom, and what remains. It names nobody.
type Proof struct {
	Erasure   string    `json:"erasure"`
	Site      string    `json:"site"`
	Person    string    `json:"person"` // pseudonym
	Request   string    `json:"request,omitempty"`
	Reason    string    `json:"reason"`
	Despite   string    `json:"despite,omitempty"` // why, although a rule of retention holds
	PlannedBy string    `json:"planned_by"`
	PlannedAt time.Time `json:"planned_at"`
	DoneBy    string    `json:"done_by"`
	DoneAt    time.Time `json:"done_at"`
	Before    string    `json:"digest_before"`
	Parts     []Part    `json:"parts"`
	Records   int       `json:"records_erased"`
	Objects   int       `json:"objects_removed"` // from the disk
	Finished  bool      `json:"finished"`        // the bytes are gone
	Remains   Remains   `json:"remains"`
}

// Remains is what an erasure leaves.
type Remains struct {
	Kinds      []Held    `json:"kinds"` // found when every room was asked again
	Bounds     []Bound   `json:"bounds"`
	Copies     []Copy    `json:"copies"`
	Backups    time.Time `json:"backups_until"`
	Aggregates bool      `json:"aggregates"` // counts that were published before stay
}

// Digest returns the SHA-256 of the proof as it is written.
func (p Proof) Digest() string {
	sum := sha256.Sum256(encode(p))
	return hex.EncodeToString(sum[:])
}

// PlanErasure asks every room what it would erase and what stays, and keeps the
// answer for a second look. The reason names nobody.
func (d *Desk) PlanErasure(ctx context.Context, p access.Person, request, reason string) (Plan, error) {
	if err := access.Check(ctx, access.PersonErase, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return Plan{}, err
	}
	if len(strings.TrimSpace(reason)) < 10 {
		return Plan{}, fault.Errorf(fault.Invalid, "erasure: the reason has at least 10 letters and names nobody")
	}
	if err := short("erasure: reason", reason, 1000); err != nil {
		return Plan{}, err
	}
	plan := Plan{
		ID: db.NewID(), Site: p.Site, Person: d.Pseudonym(p.Site, p.ID), Request: request, Reason: reason,
		PlannedBy: access.From(ctx).ID, PlannedAt: d.Now().UTC(), State: "planned",
	}
	if err := d.fill(ctx, p, &plan); err != nil {
		return plan, err
	}
	return plan, d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into privacy_erasure (erasure_id, site_id, person, request_id, reason, plan, digest, planned_by, planned_at, state)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'planned')`,
			plan.ID, plan.Site, plan.Person, request, reason, string(encode(plan)), plan.Digest, plan.PlannedBy, db.Millis(plan.PlannedAt))
		if err != nil {
			return err
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, p.Site, "privacy.erasure.planned", plan.ID, map[string]any{
			"pseudonym": plan.Person, "digest": plan.Digest, "request": request,
		}))
	})
}

// fill asks the rooms.
func (d *Desk) fill(ctx context.Context, p access.Person, plan *Plan) error {
	h, err := d.hold(ctx, p)
	if err != nil {
		return err
	}
	plan.Digest = h.Digest
	for _, room := range d.Rooms {
		part := Part{Room: room.Name}
		for _, k := range h.Kinds {
			if k.Room == room.Name {
				part.Kinds = append(part.Kinds, k)
			}
		}
		if keeper, ok := room.Holder.(Keeper); ok {
			if part.Kept, err = keeper.Kept(ctx, p); err != nil {
				return err
			}
		}
		if len(part.Kinds) > 0 || len(part.Kept) > 0 {
			plan.Parts = append(plan.Parts, part)
		}
	}
	if plan.Bounds, err = d.bounds(ctx, p.Site, h); err != nil {
		return err
	}
	if d.Copies != nil {
		if plan.Copies, err = d.Copies(ctx, p); err != nil {
			return err
		}
	}
	if d.Backups != nil {
		plan.Backups, err = d.Backups(ctx)
	}
	return err
}

// bounds returns the rules of retention of the site's country that concern what is
// held, counted from the latest record (GDPR Art. 17(3)(b)).
func (d *Desk) bounds(ctx context.Context, siteID string, h Holding) ([]Bound, error) {
	s, err := d.Sites.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	rules, err := d.Rules(siteID, s.Country)
	if err != nil {
		return nil, err
	}
	today := s.Day(d.Now())
	var all []Bound
	for _, r := range rules {
		last, held := h.lastOf(r.Rooms)
		if r.Since != "last_record" || !held || (r.Amount == 0 && r.Data != "images") {
			continue
		}
		b := Bound{Rule: r.ID, Law: r.Law, Verified: r.Verified, Meaning: r.Meaning}
		if b.Until, err = r.until(last, h.Birth); err != nil {
			return nil, err
		}
		b.Holds = b.Until == "" || b.Until >= today
		all = append(all, b)
	}
	return all, nil
}

// until returns the last day on which something has to be kept, "" if it cannot be
// told.
func (r Rule) until(last, birth string) (string, error) {
	months := map[string]int{"month": r.Amount, "year": 12 * r.Amount}[r.Unit]
	if last == "" || months == 0 {
		return "", nil
	}
	until, err := addMonths(last, months)
	if err != nil || r.UntilAge == 0 || birth == "" {
		return until, err
	}
	of, err := addMonths(birth, 12*r.UntilAge)
	return max(until, of), err
}

// Plans returns the erasures of a site, the latest first, with the proofs of those
// that are done.
func (d *Desk) Plans(ctx context.Context, siteID string) ([]Plan, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	return d.plans(ctx, `where site_id = $1`, siteID)
}

// Plan returns one erasure of a site.
func (d *Desk) Plan(ctx context.Context, siteID, id string) (Plan, error) {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: siteID}); err != nil {
		return Plan{}, err
	}
	all, err := d.plans(ctx, `where site_id = $1 and erasure_id = $2`, siteID, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no erasure %.40s", id)
	}
	if err != nil {
		return Plan{}, err
	}
	return all[0], nil
}

func (d *Desk) plans(ctx context.Context, where string, args ...any) ([]Plan, error) {
	return db.List(ctx, d.DB, func(r *db.Rows) (p Plan, err error) {
		var plan, proof, state string
		if err := r.Scan(&plan, &proof, &state); err != nil {
			return p, err
		}
		if err := json.Unmarshal([]byte(plan), &p); err != nil {
			return p, fault.As(fault.Internal, err)
		}
		p.State = state
		if proof != "" {
			p.Proof = new(Proof)
			err = json.Unmarshal([]byte(proof), p.Proof)
		}
		return p, err
	}, `select plan, proof, state from privacy_erasure `+where+` order by planned_at desc, erasure_id`, args...)
}

// DropErasure gives a plan up.
func (d *Desk) DropErasure(ctx context.Context, siteID, id string) error {
	p, err := d.Plan(ctx, siteID, id)
	if err != nil {
		return err
	}
	if err := access.Check(ctx, access.PersonErase, access.Subject{Site: siteID}); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update privacy_erasure set state = 'dropped' where erasure_id = $1 and state = 'planned'`, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "erasure %s is %s", id, p.State)
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, siteID, "privacy.erasure.dropped", id, map[string]any{"pseudonym": p.Person}))
	})
}

// Erase does what was planned and returns the proof, after a second look: digest is
// that of the plan somebody read. Conflict: what is held changed since then, or the
// plan is done or of somebody else. Invalid: a rule of retention holds, and despite
// does not say why the data go all the same.
//
// All rooms erase in one transaction. Then Finish takes the bytes from the disk; if
// it cannot, the proof says so and FinishErasure is called later.
func (d *Desk) Erase(ctx context.Context, p access.Person, id, digest, despite string) (Proof, error) {
	if err := access.Check(ctx, access.PersonErase, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return Proof{}, err
	}
	planned, err := d.Plan(ctx, p.Site, id)
	if err != nil {
		return Proof{}, err
	}
	now := planned
	now.Parts, now.Bounds, now.Copies = nil, nil, nil
	if err := d.fill(ctx, p, &now); err != nil {
		return Proof{}, err
	}
	switch {
	case planned.State != "planned" || planned.Person != d.Pseudonym(p.Site, p.ID):
		return Proof{}, fault.Errorf(fault.Conflict, "erasure %s is %s, or of somebody else", id, planned.State)
	case digest != planned.Digest || now.Digest != planned.Digest:
		return Proof{}, fault.Errorf(fault.Conflict, "erasure %s: what is held is no longer what was planned: plan again", id)
	case now.Bound() && len(strings.TrimSpace(despite)) < 10:
		return Proof{}, fault.Errorf(fault.Invalid, "erasure %s: a rule of retention holds: say in at least 10 letters why the data go all the same, or refuse and restrict", id)
	}
	if err := short("erasure: why all the same", despite, 1000); err != nil {
		return Proof{}, err
	}
	proof := Proof{
		Erasure: id, Site: p.Site, Person: planned.Person, Request: planned.Request, Reason: planned.Reason, Despite: despite,
		PlannedBy: planned.PlannedBy, PlannedAt: planned.PlannedAt, DoneBy: access.From(ctx).ID, DoneAt: d.Now().UTC(), Before: now.Digest,
		Remains: Remains{Bounds: now.Bounds, Copies: now.Copies, Backups: now.Backups, Aggregates: true},
	}
	if err := PrepareErase(ctx, d.Rooms, p); err != nil {
		return Proof{}, fmt.Errorf("erase: %w", err)
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error { return d.erase(ctx, tx, p, now.Parts, &proof) })
	if err != nil {
		return Proof{}, fmt.Errorf("erase: %w", err)
	}
	rest, err := d.hold(ctx, p)
	if err != nil {
		return proof, err
	}
	proof.Remains.Kinds = rest.Kinds
	return proof, d.finish(ctx, &proof)
}

// erase erases in every room as part of tx.
func (d *Desk) erase(ctx context.Context, tx *db.Tx, p access.Person, parts []Part, proof *Proof) error {
	keys, err := d.same(ctx, tx, p) // before they are forgotten too
	if err != nil {
		return err
	}
	proof.Parts, proof.Records = nil, 0
	for _, room := range d.Rooms {
		part := Part{Room: room.Name}
		for _, was := range parts {
			if was.Room == room.Name {
				part = was
			}
		}
		var err error
		if part.Erased, err = room.Erase(ctx, tx, p); err != nil {
			return fmt.Errorf("%s: %w", room.Name, err)
		}
		if part.Erased > 0 || len(part.Kinds) > 0 || len(part.Kept) > 0 {
			proof.Parts, proof.Records = append(proof.Parts, part), proof.Records+part.Erased
		}
	}
	for _, key := range keys {
		if d.Erased == nil {
			break
		}
		if err := d.Erased(ctx, tx, access.Person{Site: p.Site, ID: key}); err != nil {
			return err
		}
	}
	n, err := tx.Exec(ctx, `update privacy_erasure set state = 'done', proof = $2, done_by = $3, done_at = $4 where erasure_id = $1 and state = 'planned'`,
		proof.Erasure, string(encode(proof)), proof.DoneBy, db.Millis(proof.DoneAt))
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "erasure %s is done already", proof.Erasure)
	}
	return d.Journal.Append(ctx, tx, d.entry(ctx, p.Site, "privacy.person.erased", proof.Erasure, map[string]any{
		"pseudonym": proof.Person, "records": proof.Records, "digest_before": proof.Before, "planned_by": proof.PlannedBy,
	}))
}

// finish takes the bytes from the disk and completes the proof, whose digest is in
// the journal from then on.
func (d *Desk) finish(ctx context.Context, proof *Proof) error {
	var failed error
	if d.Finish != nil {
		proof.Objects, failed = d.Finish(ctx, proof.DoneAt)
	}
	proof.Finished = failed == nil
	err := d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update privacy_erasure set proof = $2 where erasure_id = $1`, proof.Erasure, string(encode(proof)))
		if err != nil {
			return err
		}
		return d.Journal.Append(ctx, tx, d.entry(ctx, proof.Site, "privacy.erasure.proved", proof.Erasure, map[string]any{
			"pseudonym": proof.Person, "objects": proof.Objects, "finished": proof.Finished, "proof_sha256": proof.Digest(),
		}))
	})
	if failed != nil {
		return fault.Errorf(fault.Unavailable, "erasure %s is committed, and its bytes are still on the disk: %w", proof.Erasure, failed)
	}
	return err
}

// FinishErasures goes on with erasures of a site whose bytes could not be taken from
// the disk, and returns how many are finished. It is for a job.
func (d *Desk) FinishErasures(ctx context.Context, siteID string) (int, error) {
	all, err := d.plans(ctx, `where site_id = $1 and state = 'done'`, siteID)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range all {
		if p.Proof == nil || p.Proof.Finished {
			continue
		}
		if err := d.finish(ctx, p.Proof); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
