package worklist

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// A Request is somebody's wish to keep an order.
type Request struct {
	Order  Order
	Key    string // of whoever asks: the same request sent again changes nothing; "" for none
	Origin Origin
}

// maxKey bounds the key of a request, in bytes.
const maxKey = 200

// Create keeps a new order and returns it as it is kept, with the identifiers that
// were given; again is true if the same request had been answered before. Errors:
// Invalid, with the fields (Wrong); Forbidden; Conflict if there is an order of that
// accession number and procedure, or the key was used for something else;
// Unsupported where no names are kept.
func (r *Register) Create(ctx context.Context, q Request) (o Order, again bool, err error) {
	n, err := r.prepare(ctx, q)
	if err != nil {
		return Order{}, false, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		o, again, err = r.createIn(ctx, tx, n)
		return err
	})
	if err != nil {
		return Order{}, false, err
	}
	return o, again, nil
}

// CreateIn is Create within a transaction of the caller. The order has the id that is
// given, if there is one.
func (r *Register) CreateIn(ctx context.Context, tx *db.Tx, q Request) (Order, bool, error) {
	n, err := r.prepare(ctx, q)
	if err != nil {
		return Order{}, false, err
	}
	if q.Order.ID != "" {
		n.order.ID = q.Order.ID
	}
	return r.createIn(ctx, tx, n)
}

// A newOrder is one that was found right.
type newOrder struct {
	order       Order
	key, digest string // of the request
}

// prepare holds a request against the rules and gives the order what it lacks.
func (r *Register) prepare(ctx context.Context, q Request) (n newOrder, err error) {
	n = newOrder{order: q.Order, key: q.Key}
	o := &n.order
	o.Steps = slices.Clone(o.Steps)
	if o.Site == "" {
		o.Site = site.Default
	}
	if err := errors.Join(r.named(), access.Check(ctx, access.StepChange, access.Subject{Site: o.Site})); err != nil {
		return n, err
	}
	if len(q.Key) > maxKey {
		return n, fault.Errorf(fault.Invalid, "the key of a request has at most %d bytes", maxKey)
	}
	if n.digest, err = digestOf(q.Order); err != nil {
		return n, err
	}
	if err := r.complete(ctx, o); err != nil {
		return n, err
	}
	o.Origin = q.Origin
	return n, nil
}

// createIn writes a new order, unless the same request had been answered before.
func (r *Register) createIn(ctx context.Context, tx *db.Tx, n newOrder) (o Order, again bool, err error) {
	had, err := r.answered(ctx, tx, n.order.Site, n.key, n.digest)
	if err != nil {
		return Order{}, false, err
	}
	if had != "" {
		o, err = r.get(ctx, tx, n.order.Site, had)
		return o, true, err
	}
	o = n.order
	o.Steps = slices.Clone(o.Steps) // the transaction may be tried again
	tx.OnCommit(r.poke)
	return o, false, r.insert(ctx, tx, &o, n.key, n.digest)
}

// digestOf returns what tells two requests apart.
func digestOf(o Order) (string, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return "", fault.Errorf(fault.Invalid, "order: a number that is none")
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// complete tidies a new order and gives it the identifiers it lacks.
func (r *Register) complete(ctx context.Context, o *Order) error {
	s, err := r.Sites.Site(ctx, o.Site)
	if err != nil {
		return err
	}
	if err := o.tidy(s.Location()); err != nil {
		return err
	}
	o.ID, o.State, o.Version = db.NewID(), Active, 1
	o.Person = r.Person(o.Patient.Issuer, o.Patient.ID)
	o.CreatedAt = db.FromMillis(db.Millis(r.Now()))
	o.ChangedAt, o.ChangedBy = o.CreatedAt, actor(ctx)
	if o.Accession == "" {
		if o.Accession, err = r.number(); err != nil {
			return err
		}
	}
	if o.ProcedureID == "" {
		o.ProcedureID = o.Accession
	}
	if o.Study == "" {
		if o.Study, err = r.newUID(); err != nil {
			return err
		}
	}
	return r.nameSteps(o)
}

// nameSteps gives steps without identifiers theirs.
func (r *Register) nameSteps(o *Order) error {
	seen := map[string]bool{}
	for i := range o.Steps {
		s := &o.Steps[i]
		if s.Key == "" {
			s.Key, s.State = db.NewID(), Scheduled
		}
		if s.ID == "" {
			s.ID = fmt.Sprintf("%s-%d", o.ProcedureID, i+1)
		}
		if len([]rune(s.ID)) > 16 || seen[s.ID] { // SH; Scheduled Procedure Step ID is one
			id, err := r.number()
			if err != nil {
				return err
			}
			s.ID = id
		}
		seen[s.ID] = true
	}
	return nil
}

// crockford is an alphabet without letters that look like digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// number returns an identifier of eleven letters that a person can read out.
func (r *Register) number() (string, error) {
	b := make([]byte, 6)
	if _, err := io.ReadFull(r.Random, b); err != nil {
		return "", fault.As(fault.Internal, err)
	}
	return "R" + crockford.EncodeToString(b), nil
}

// answered returns the order that the same request made, "" if there was none.
func (r *Register) answered(ctx context.Context, tx *db.Tx, siteID, key, digest string) (order string, err error) {
	if key == "" {
		return "", nil
	}
	var had string
	err = tx.QueryRow(ctx, `select digest, order_id from worklist_request where site_id = $1 and actor = $2 and key = $3`,
		siteID, actor(ctx), key).Scan(&had, &order)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return "", nil
	case err != nil:
		return "", err
	case had != digest:
		return "", fault.Errorf(fault.Conflict, "the key of this request was used for another one")
	}
	return order, nil
}

// insert writes a new order with its steps.
func (r *Register) insert(ctx context.Context, tx *db.Tx, o *Order, key, digest string) error {
	if o.Origin == FromHL7 || o.Origin == FromFHIR { // a message may be older than what is known
		if err := r.dress(ctx, tx, o); err != nil {
			return err
		}
	}
	data, err := o.document()
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, insertOrder, append(r.columns(o), data, o.Version, db.Millis(o.CreatedAt), db.Millis(o.ChangedAt), o.ChangedBy)...)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "there is an order of this accession number and requested procedure")
	}
	if err := r.describe(ctx, tx, o); err != nil {
		return err
	}
	for i := range o.Steps {
		if err := r.putStep(ctx, tx, o, i); err != nil {
			return err
		}
	}
	if key != "" {
		_, err := tx.Exec(ctx, `insert into worklist_request (site_id, actor, key, digest, order_id, at) values ($1, $2, $3, $4, $5, $6)`,
			o.Site, actor(ctx), key, digest, o.ID, db.Millis(o.CreatedAt))
		if err != nil {
			return err
		}
	}
	if err := r.stir(ctx, tx, o); err != nil {
		return err
	}
	if err := r.adopt(ctx, tx, o); err != nil {
		return err
	}
	return r.note(ctx, tx, o, "worklist.order.created", map[string]any{"origin": o.Origin, "steps": len(o.Steps), "study": o.Study})
}

// note journals what happened to an order; how it stands now is in the payload.
func (r *Register) note(ctx context.Context, tx *db.Tx, o *Order, kind string, data map[string]any) error {
	data["version"] = o.Version
	return r.record(ctx, tx, journal.Entry{Site: o.Site, Kind: kind, Subject: o.ID, Person: o.Person}, data, o)
}

// document returns what stands in the data column of an order: all but its steps.
func (o *Order) document() (string, error) {
	bare := *o
	bare.Steps = []Step{}
	text, err := json.Marshal(bare)
	return string(text), fault.As(fault.Internal, err)
}

// columns returns the columns an order is searched by.
func (r *Register) columns(o *Order) []any {
	return []any{
		o.ID, o.Site, o.Person, o.Patient.ID, r.foldName(o.Patient.Name), o.Patient.BirthDate, o.Accession, o.AccessionIssuer,
		o.Placer, o.Filler, o.ProcedureID, o.Study, string(o.State), string(o.Origin), o.Expected,
	}
}

// foldName returns the alphabetic group of a name as it is searched for.
func (r *Register) foldName(s string) string {
	alphabetic, _, _ := strings.Cut(s, "=")
	return (&matcher{fold: r.Fold}).foldGroup(alphabetic)
}

// putStep writes the step at i of an order.
func (r *Register) putStep(ctx context.Context, tx *db.Tx, o *Order, i int) error {
	s := &o.Steps[i]
	text, err := json.Marshal(s)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = tx.Exec(ctx, putStep, s.Key, o.Site, o.ID, i+1, s.ID, stations(s.Stations), s.Modality, s.Location, s.Start,
		db.Millis(s.StartAt), string(s.State), string(text), db.Millis(r.Now()))
	return err
}

// Change replaces an order by another version of it: o.ID and o.Version say which.
// Steps are known by their keys; one without key is new, and one that is left out is
// cancelled. It returns the order as it is kept. Errors: those of Create; NotFound;
// Conflict if it was changed since that version, or is cancelled.
func (r *Register) Change(ctx context.Context, o Order) (changed Order, err error) {
	if err := r.tidied(ctx, &o); err != nil {
		return Order{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		changed, err = r.changeIn(ctx, tx, o)
		return err
	})
	if err != nil {
		return Order{}, err
	}
	return changed, nil
}

// ChangeIn is Change within a transaction of the caller.
func (r *Register) ChangeIn(ctx context.Context, tx *db.Tx, o Order) (Order, error) {
	if err := r.tidied(ctx, &o); err != nil {
		return Order{}, err
	}
	return r.changeIn(ctx, tx, o)
}

// tidied holds another version of an order against the rules.
func (r *Register) tidied(ctx context.Context, o *Order) error {
	o.Steps = slices.Clone(o.Steps)
	if o.Site == "" {
		o.Site = site.Default
	}
	if err := errors.Join(r.named(), access.Check(ctx, access.StepChange, access.Subject{Site: o.Site})); err != nil {
		return err
	}
	s, err := r.Sites.Site(ctx, o.Site)
	if err != nil {
		return err
	}
	return o.tidy(s.Location())
}

// changeIn writes another version of an order.
func (r *Register) changeIn(ctx context.Context, tx *db.Tx, o Order) (Order, error) {
	o.Steps = slices.Clone(o.Steps) // the transaction may be tried again
	before, err := r.get(ctx, tx, o.Site, o.ID)
	if err != nil {
		return Order{}, err
	}
	tx.OnCommit(r.poke)
	return o, r.replace(ctx, tx, before, &o)
}

// replace writes o in the place of before.
func (r *Register) replace(ctx context.Context, tx *db.Tx, before Order, o *Order) error {
	switch {
	case before.Version != o.Version:
		return fault.Errorf(fault.Conflict, "order %s was changed meanwhile: read it again", o.ID)
	case before.State == Cancelled:
		return fault.Errorf(fault.Conflict, "order %s is cancelled", o.ID)
	}
	if err := o.inherit(&before); err != nil {
		return err
	}
	o.Person = r.Person(o.Patient.Issuer, o.Patient.ID)
	if o.Person != before.Person && (o.Origin == FromHL7 || o.Origin == FromFHIR) {
		if err := r.dress(ctx, tx, o); err != nil {
			return err
		}
	}
	if err := r.nameSteps(o); err != nil {
		return err
	}
	fields := differences(before, *o)
	if len(fields) == 0 {
		*o = before
		return nil
	}
	if err := r.rewrite(ctx, tx, o); err != nil {
		return err
	}
	for i := range o.Steps {
		if err := r.putStep(ctx, tx, o, i); err != nil {
			return err
		}
	}
	if err := r.stir(ctx, tx, &before); err != nil {
		return err
	}
	if err := r.stir(ctx, tx, o); err != nil {
		return err
	}
	return r.note(ctx, tx, o, "worklist.order.changed", map[string]any{"fields": fields, "steps": len(o.Steps)})
}

// rewrite writes the row of an order anew, one version on.
func (r *Register) rewrite(ctx context.Context, tx *db.Tx, o *Order) error {
	o.Version++
	o.ChangedAt, o.ChangedBy = db.FromMillis(db.Millis(r.Now())), actor(ctx)
	data, err := o.document()
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, updateOrder, append(r.columns(o), data, o.Version, db.Millis(o.ChangedAt), o.ChangedBy, o.Version-1)...)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Conflict, "order %s was changed meanwhile: read it again", o.ID)
	}
	if err != nil {
		return err
	}
	return r.describe(ctx, tx, o)
}

// inherit takes over what a new version does not say or must not change.
func (o *Order) inherit(before *Order) error {
	c := &checker{}
	for _, f := range []struct {
		field    string
		now, was *string
	}{
		{"accession", &o.Accession, &before.Accession}, {"procedure_id", &o.ProcedureID, &before.ProcedureID}, {"study_uid", &o.Study, &before.Study},
	} {
		if *f.now == "" {
			*f.now = *f.was
		}
		if *f.now != *f.was && before.begun() {
			c.wrong(f.field, CodeFixed)
		}
	}
	o.State, o.Origin, o.CreatedAt = before.State, before.Origin, before.CreatedAt
	o.Patient.amend(before.Patient)
	for i := range o.Steps {
		s := &o.Steps[i]
		if s.Key == "" {
			continue
		}
		was := before.step(s.Key)
		if was == nil {
			c.wrong(fmt.Sprintf("steps[%d].key", i), CodeChoice)
			continue
		}
		s.State = was.State
		if s.ID == "" {
			s.ID = was.ID
		}
	}
	for _, was := range before.Steps {
		if o.step(was.Key) != nil {
			continue
		}
		if was.State == InProgress {
			return fault.Errorf(fault.Conflict, "order %s: a step that is in progress cannot be left out", o.ID)
		}
		if was.State == Scheduled || was.State == Arrived {
			was.State = Cancelled
		}
		o.Steps = append(o.Steps, was)
	}
	return c.err()
}

// begun reports whether something of the order was done.
func (o *Order) begun() bool {
	return slices.ContainsFunc(o.Steps, func(s Step) bool { return s.State == InProgress || s.State == Completed || s.State == Discontinued })
}

// differences names the fields of two orders that differ, as JSON names them.
func differences(a, b Order) []string {
	x, y := fieldsOf(a), fieldsOf(b)
	var all []string
	for k, v := range y {
		if x[k] != v {
			all = append(all, k)
		}
	}
	for k := range x {
		if _, ok := y[k]; !ok {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

// fieldsOf returns the fields of an order as JSON.
func fieldsOf(o Order) map[string]string {
	o.Version, o.ChangedBy, o.ChangedAt = 0, "", o.CreatedAt
	text, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(text, &raw) != nil {
		return nil
	}
	all := make(map[string]string, len(raw))
	for k, v := range raw {
		all[k] = string(v)
	}
	return all
}

// Cancel takes an order off the worklist, with the steps that nobody began; it stays
// in the history. version may be 0 for whichever it is. A step in progress goes on
// until the machine ends it. Cancelling again changes nothing.
func (r *Register) Cancel(ctx context.Context, siteID, id string, version int64, reason string) (o Order, err error) {
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		o, err = r.CancelIn(ctx, tx, siteID, id, version, reason)
		return err
	})
	return o, err
}

// CancelIn is Cancel within a transaction of the caller.
func (r *Register) CancelIn(ctx context.Context, tx *db.Tx, siteID, id string, version int64, reason string) (o Order, err error) {
	if err := access.Check(ctx, access.StepChange, access.Subject{Site: siteID}); err != nil {
		return Order{}, err
	}
	if len(reason) > maxText {
		return Order{}, fault.Errorf(fault.Invalid, "a reason has at most %d bytes", maxText)
	}
	if o, err = r.get(ctx, tx, siteID, id); err != nil || o.State == Cancelled {
		return o, err
	}
	if version != 0 && o.Version != version {
		return o, fault.Errorf(fault.Conflict, "order %s was changed meanwhile: read it again", id)
	}
	o.State = Cancelled
	if err := r.rewrite(ctx, tx, &o); err != nil {
		return o, err
	}
	for i := range o.Steps {
		if s := &o.Steps[i]; s.State == Scheduled || s.State == Arrived {
			s.State = Cancelled
			if err := r.putStep(ctx, tx, &o, i); err != nil {
				return o, err
			}
		}
	}
	if err := r.stir(ctx, tx, &o); err != nil {
		return o, err
	}
	return o, r.record(ctx, tx, journal.Entry{Site: o.Site, Kind: "worklist.order.cancelled", Subject: o.ID, Person: o.Person},
		map[string]any{"version": o.Version, "reasoned": reason != ""}, map[string]any{"reason": reason, "order": o})
}

// byHand says to which states a person may bring a step by hand.
var byHand = map[State][]State{
	Scheduled:    {Arrived, Completed, Discontinued},
	Arrived:      {Scheduled, Completed, Discontinued},
	InProgress:   {Completed, Discontinued},
	Discontinued: {Scheduled},
	Completed:    {Scheduled}, // set by mistake
}

// ByHand returns the states to which a person may bring a step.
func (s Step) ByHand() []State { return byHand[s.State] }

// SetStep brings a step to another state by hand: the patient arrived, or a machine
// that tells nothing is done. Conflict: not from the state it is in.
func (r *Register) SetStep(ctx context.Context, siteID, id, key string, to State) (o Order, err error) {
	if err := access.Check(ctx, access.StepChange, access.Subject{Site: siteID}); err != nil {
		return Order{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		if o, err = r.get(ctx, tx, siteID, id); err != nil {
			return err
		}
		s := o.step(key)
		switch {
		case s == nil:
			return fault.Errorf(fault.NotFound, "order %s has no such step", id)
		case s.State == to:
			return nil
		case o.State == Cancelled || !slices.Contains(byHand[s.State], to):
			return fault.Errorf(fault.Conflict, "order %s: a step cannot go from %s to %s", id, s.State, to)
		}
		return r.move(ctx, tx, &o, key, to, "person")
	})
	return o, err
}

// move brings a step to another state.
func (r *Register) move(ctx context.Context, tx *db.Tx, o *Order, key string, to State, by string) error {
	i := slices.IndexFunc(o.Steps, func(s Step) bool { return s.Key == key })
	from := o.Steps[i].State
	o.Steps[i].State = to
	if err := r.putStep(ctx, tx, o, i); err != nil {
		return err
	}
	return r.record(ctx, tx, journal.Entry{Site: o.Site, Kind: "worklist.step.changed", Subject: o.ID, Person: o.Person},
		map[string]any{"step": key, "state": to, "state_before": from, "by": by, "study": o.Study}, nil)
}
