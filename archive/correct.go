package archive

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// A Value is what an attribute says, or is to say; "" empties it.
type Value struct {
	Tag  tag.Tag
	Text Personal
}

// A Correction says what is right about whom a study, a series or an instance is
// about. It lies over the objects, which stay as they were received: everything that
// is given out says what is right, and in Original Attributes Sequence what was
// changed (PS3.3 C.12.1.1.9). Instances that come later under an identity that it
// corrected are corrected too.
type Correction struct {
	ID, Site      string
	Target        Target
	Cause         string   // ByPerson, or ByPeer
	Person        Personal // whom it is about since; "" if nobody is named
	Values        []Value  // by tag
	Received      []Value  // the same attributes as the study had them before
	Split         uid.UID  // Study Instance UID that the series has since; the zero UID if it stays in its study
	Reason, Actor string
	At            time.Time

	Undone            time.Time // the zero time while it holds
	UndoneBy, Undoing string    // who, and why
}

// ByPeer is the cause of a Correction that a rule for a peer made.
const ByPeer = "peer"

// correctable are the attributes that a Correction may change.
var correctable = []tag.Tag{
	tag.AccessionNumber, tag.PatientName, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate, tag.PatientSex,
}

// Correctable returns the attributes that a Correction may change, by tag.
func Correctable() []tag.Tag { return append([]tag.Tag(nil), correctable...) }

// Correct lays a correction over a study, series or instance. NotFound: there is no
// such thing. Invalid: no reason, or a value that the attribute cannot have.
func (a *Archive) Correct(ctx context.Context, site string, t Target, values []Value, reason string) (Correction, error) {
	return a.correct(ctx, site, t, values, reason, false)
}

// correct is Correct, and Split.
func (a *Archive) correct(ctx context.Context, site string, t Target, values []Value, reason string, split bool) (Correction, error) {
	c := Correction{ID: db.NewID(), Site: site, Target: t, Cause: ByPerson, Reason: strings.TrimSpace(reason), Actor: actorOf(ctx), At: a.Now()}
	if c.Reason == "" || len(c.Reason) > maxReason {
		return c, fault.Errorf(fault.Invalid, "a correction needs a reason of at most %d bytes", maxReason)
	}
	var err error
	if c.Values, err = a.valid(values); err != nil {
		return c, err
	}
	return c, a.reidentified(ctx, site, t.Study, func(tx *db.Tx, all []named) (*Correction, error) {
		covered := map[string]bool{}
		before := header{patient: make([]string, len(patientColumns)), ofStudy: make([]string, len(studyColumns))}
		l, err := overlaysOf(ctx, tx, site, t.Study.String())
		if err != nil {
			return nil, err
		}
		for _, n := range all {
			if n.now == t.Study && t.has(n.series, n.sop) {
				covered[personOf(n.patient)] = true
				was := l.header(n.header)
				before.patient, before.ofStudy = mergePatient(before.patient, was.patient), merge(before.ofStudy, was.ofStudy)
			}
		}
		if len(covered) == 0 {
			return nil, fault.Errorf(fault.NotFound, "no %s %s", t.level(), t.subject())
		}
		c.Received = before.values(c.Values)
		f, err := c.fix(covered)
		if err != nil {
			return nil, err
		}
		patient := f.over(patientColumns, before.patient)
		c.Person = Conceal(personOf(patient))
		if split {
			if c.Split, err = l.studyFor(t, c.Person.Reveal(), all); err != nil {
				return nil, err
			}
		}
		if err := c.insert(ctx, tx, covered); err != nil {
			return nil, err
		}
		if split {
			if err := a.keepSplit(ctx, tx, &c); err != nil {
				return nil, err
			}
		}
		return &c, a.Journal.Append(ctx, tx, c.entries("archive.identity.corrected", c.Reason, patient, personOf(before.patient))...)
	})
}

// Uncorrect takes a correction away again, as if it had never been. NotFound: there is
// none of that id at the site. Conflict: it was undone before. Invalid: no reason.
func (a *Archive) Uncorrect(ctx context.Context, site, id, why string) error {
	why = strings.TrimSpace(why)
	if why == "" || len(why) > maxReason {
		return fault.Errorf(fault.Invalid, "undoing a correction needs a reason of at most %d bytes", maxReason)
	}
	c, err := a.Correction(ctx, site, id)
	if err != nil {
		return err
	}
	return a.reidentified(ctx, site, c.Target.Study, func(tx *db.Tx, all []named) (*Correction, error) {
		if err := c.splitFurther(ctx, tx); err != nil {
			return nil, err
		}
		n, err := tx.Exec(ctx, `update correction set undone_ms = $2, undone_by = $3, undone_why = $4 where id = $1 and undone_ms = 0`,
			c.ID, db.Millis(a.Now()), actorOf(ctx), why)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fault.Errorf(fault.Conflict, "the correction was undone before")
		}
		l, err := overlaysOf(ctx, tx, site, c.Target.Study.String())
		if err != nil {
			return nil, err
		}
		patient := make([]string, len(patientColumns))
		for _, n := range all {
			if (n.now == c.Target.Study || n.now == c.Split) && c.Target.has(n.series, n.sop) {
				patient = mergePatient(patient, l.header(n.header).patient)
			}
		}
		c.Actor = actorOf(ctx)
		if err := unkeepSplit(ctx, tx, &c); err != nil {
			return nil, err
		}
		return &c, a.Journal.Append(ctx, tx, c.entries("archive.identity.undone", why, patient, c.Person.Reveal())...)
	})
}

// has reports whether t names an instance of its study.
func (t Target) has(series, sop uid.UID) bool {
	return (t.Series.IsZero() || t.Series == series) && (t.SOP.IsZero() || t.SOP == sop)
}

// valid returns values in the order of their tags. Invalid: one is no such value.
func (a *Archive) valid(values []Value) ([]Value, error) {
	var all []Value
	for _, t := range correctable {
		for _, v := range values {
			if v.Tag != t {
				continue
			}
			text := strings.TrimSpace(v.Text.Reveal())
			if m := a.Minimise; m != nil {
				text = m.corrected(t, text)
			}
			if t == tag.PatientBirthDate && text != "" && parseDate(text) != text {
				return nil, fault.Errorf(fault.Invalid, "%v is no date of the form YYYYMMDD", t)
			}
			if _, err := dicom.NewBuilder().Text(t, text).Dataset(); err != nil {
				return nil, fault.As(fault.Invalid, err)
			}
			all = append(all, Value{t, Conceal(text)})
			break
		}
	}
	if len(all) == 0 || len(all) != len(values) {
		return nil, fault.Errorf(fault.Invalid, "a correction changes one or more of %v, each once", correctable)
	}
	return all, nil
}

// corrected returns a corrected value as a minimised installation keeps it.
func (m *Minimiser) corrected(t tag.Tag, text string) string {
	switch t {
	case tag.PatientID:
		return m.hash("patient", text, hashLength)
	case tag.PatientName:
		return m.name(text)
	case tag.AccessionNumber:
		return m.accession(text)
	case tag.PatientBirthDate:
		return ""
	}
	return text
}

// values returns what h says of the attributes that are changed.
func (h header) values(changed []Value) []Value {
	var all []Value
	for _, v := range changed {
		for i, c := range patientColumns {
			if c.tag == v.Tag {
				all = append(all, Value{v.Tag, Conceal(h.patient[i])})
			}
		}
		for i, c := range studyColumns {
			if c.tag == v.Tag {
				all = append(all, Value{v.Tag, Conceal(h.ofStudy[i])})
			}
		}
	}
	return all
}

// entries returns what the journal says: under the person whom it is about now, with
// what was typed encrypted, and under the one whom it was about before.
func (c *Correction) entries(kind, reason string, patient []string, before string) []journal.Entry {
	now := personOf(patient)
	if !c.Split.IsZero() {
		return c.splitEntries(kind, reason, patient, before)
	}
	data := map[string]any{"study": c.Target.Study, "correction": c.ID, "cause": c.Cause, "attributes": c.attributes(), "other_person": now != before}
	if !c.Target.Series.IsZero() {
		data["series"] = c.Target.Series
	}
	e := journal.Entry{Site: c.Site, Actor: c.Actor, Kind: kind, Subject: c.Target.subject(), Person: now, Data: encode(data)}
	if now != "" {
		e.Payload = encode(map[string]any{"reason": reason, "person": now, "issuer": patient[patientIssuer], "patient_id": patient[patientID]})
	}
	all := []journal.Entry{e}
	if before != "" && before != now {
		e.Person, e.Payload = before, encode(map[string]any{"reason": reason})
		all = append(all, e)
	}
	return all
}

// attributes returns the keywords of what c changes.
func (c *Correction) attributes() []string {
	var all []string
	for _, v := range c.Values {
		all = append(all, v.Tag.Keyword())
	}
	return all
}

// insert writes c.
func (c *Correction) insert(ctx context.Context, tx *db.Tx, covered map[string]bool) error {
	_, err := tx.Exec(ctx, `insert into correction (id, site_id, study_uid, series_uid, sop_uid, cause, person, corrected, received, reason, actor, at_ms, new_study)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, c.ID, c.Site, c.Target.Study.String(), c.Target.Series.String(), c.Target.SOP.String(),
		c.Cause, c.Person.Reveal(), textOf(c.Values), textOf(c.Received), c.Reason, c.Actor, db.Millis(c.At), c.Split.String())
	if err != nil {
		return err
	}
	for who := range covered {
		if _, err := tx.Exec(ctx, `insert into correction_received (correction, site_id, person) values ($1, $2, $3)`, c.ID, c.Site, who); err != nil {
			return err
		}
	}
	return nil
}

// textOf returns values as they stand in the table.
func textOf(values []Value) string {
	of := map[string]any{}
	for _, v := range values {
		of[v.Tag.Keyword()] = v.Text.Reveal()
	}
	return string(encode(of))
}

// valuesOf reads what textOf returned.
func valuesOf(text string) ([]Value, error) {
	var of map[string]string
	if err := json.Unmarshal([]byte(text), &of); err != nil {
		return nil, fault.Errorf(fault.Internal, "a correction cannot be read")
	}
	var all []Value
	for _, t := range correctable {
		if s, ok := of[t.Keyword()]; ok {
			all = append(all, Value{t, Conceal(s)})
		}
	}
	return all, nil
}

const fromCorrection = `select id, site_id, study_uid, series_uid, sop_uid, cause, person, corrected, received, reason, actor, at_ms,
	undone_ms, undone_by, undone_why, new_study from correction `

func scanCorrection(r *db.Rows) (c Correction, err error) {
	u, corrected, received := make([]string, 4), "", ""
	var at, undone int64
	err = r.Scan(&c.ID, &c.Site, &u[0], &u[1], &u[2], &c.Cause, &c.Person, &corrected, &received, &c.Reason, &c.Actor, &at,
		&undone, &c.UndoneBy, &c.Undoing, &u[3])
	c.At, c.Undone = db.FromMillis(at), db.FromMillis(undone)
	if err == nil {
		c.Values, err = valuesOf(corrected)
	}
	if err == nil {
		c.Received, err = valuesOf(received)
	}
	return c, uids(err, u, &c.Target.Study, &c.Target.Series, &c.Target.SOP, &c.Split)
}

// Correction returns the correction of that id. NotFound: there is none at the site.
func (a *Archive) Correction(ctx context.Context, site, id string) (Correction, error) {
	return one(ctx, a.DB, scanCorrection, "correction", fromCorrection+`where site_id = $1 and id = $2`, site, id)
}

// Corrections returns the corrections of a study, or of all studies if study is the
// zero UID, also those undone, the latest first, at most limit.
func (a *Archive) Corrections(ctx context.Context, site string, study uid.UID, limit int) ([]Correction, error) {
	return db.List(ctx, a.DB, scanCorrection, fromCorrection+`where site_id = $1 and (cast($2 as text) = '' or study_uid = $2 or new_study = $2)
		order by id desc limit $3`, site, study.String(), limit)
}

// A named is an instance with what it says of its patient, as received.
type named struct {
	header
	id  string
	now uid.UID // the study in which it is
}

// reidentified changes the corrections of a study by do, and lets the rows of it, and of
// those that were split from it, say what its instances say under them.
func (a *Archive) reidentified(ctx context.Context, site string, study uid.UID, do func(*db.Tx, []named) (*Correction, error)) error {
	for range 3 {
		l, err := overlaysOf(ctx, a.DB, site, study.String())
		if err != nil {
			return err
		}
		if _, err := a.Study(ctx, site, study); err != nil && !slices.ContainsFunc(l.fixes, func(f fix) bool { return f.Target.Study == study }) {
			return err
		}
		all, err := a.familyAsReceived(ctx, site, l.family)
		if err != nil {
			return err
		}
		err = a.DB.Write(ctx, func(tx *db.Tx) error {
			// Nobody else changes these studies, or adds to them, until this is done.
			for _, u := range l.family {
				if _, err := tx.Exec(ctx, `update study set corrected = corrected where site_id = $1 and study_uid = $2`, site, u); err != nil {
					return err
				}
			}
			c, err := do(tx, all)
			if err != nil {
				return err
			}
			return a.reidentify(ctx, tx, c, all)
		})
		if err == nil || fault.Of(err) != fault.Unavailable || ctx.Err() != nil {
			return err
		}
	}
	return errChanged
}

// familyAsReceived reads what the instances of some studies say of their patient.
func (a *Archive) familyAsReceived(ctx context.Context, site string, family []string) ([]named, error) {
	var all []named
	for _, s := range family {
		u, err := uid.Parse(s)
		if err != nil {
			return nil, err
		}
		list, err := a.asReceived(ctx, site, u)
		if err != nil && fault.Of(err) != fault.NotFound {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// asReceived reads what the instances of a study say of their patient. NotFound: there
// is no such study.
func (a *Archive) asReceived(ctx context.Context, site string, study uid.UID) ([]named, error) {
	list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2 order by instance.id`, site, study.String())
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such study")
	}
	var l overlays
	if list[0].corrected != "" {
		if l, err = overlaysOf(ctx, a.DB, site, study.String()); err != nil {
			return nil, err
		}
	}
	all := make([]named, len(list))
	for k, i := range list {
		h, err := a.peekIn(ctx, a.DB, i, l)
		if err != nil {
			return nil, err
		}
		all[k] = named{h, i.ID, study}
	}
	return all, nil
}

// reidentify makes the rows of a study, and of those split from it, anew under their
// corrections.
func (a *Archive) reidentify(ctx context.Context, tx *db.Tx, c *Correction, all []named) error {
	l, err := overlaysOf(ctx, tx, c.Site, c.Target.Study.String())
	if err != nil {
		return err
	}
	if !c.Split.IsZero() && !slices.Contains(l.family, c.Split.String()) {
		l.family = append(l.family, c.Split.String()) // it is being undone
	}
	before, err := a.countFamily(ctx, tx, c.Site, l.family, len(all))
	if err != nil {
		return err
	}
	rest := map[string][]header{}
	for _, n := range all {
		h := l.header(n.header)
		rest[h.study.String()] = append(rest[h.study.String()], h)
	}
	if err := a.rearrange(ctx, tx, c.Site, l, all); err != nil {
		return err
	}
	e := eraser{a: a, tx: tx, p: access.Person{Site: c.Site}}
	after := map[string]bool{}
	for _, u := range l.family {
		if err := e.anew(ctx, u, l.digest(), rest[u], after); err != nil {
			return err
		}
	}
	for who := range after {
		if !before[who] && a.Arrived != nil {
			if err := a.Arrived(ctx, tx, access.Person{Site: c.Site, ID: who}); err != nil {
				return err
			}
		}
	}
	tx.OnCommit(a.known.clear)
	return nil
}

// countFamily returns whom the studies of a family name. Unavailable: they do not have as
// many instances as were read.
func (a *Archive) countFamily(ctx context.Context, tx *db.Tx, site string, family []string, read int) (map[string]bool, error) {
	persons, have := map[string]bool{}, 0
	for _, u := range family {
		id, n, err := studyRow(ctx, tx, site, u)
		if err != nil {
			return nil, err
		}
		list, err := personsOf(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		maps.Copy(persons, list)
		have += n
	}
	if have != read {
		return nil, errChanged
	}
	return persons, nil
}

// studyRow returns the id of a study and how many instances it has; "" if there is none.
func studyRow(ctx context.Context, q db.Querier, site, study string) (id string, instances int, err error) {
	err = q.QueryRow(ctx, `select id, instance_count from study where site_id = $1 and study_uid = $2`, site, study).Scan(&id, &instances)
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", 0, nil
	}
	return id, instances, err
}

// anew makes one study anew of what its instances say, or takes its row away if it has
// none, and gathers whom it names.
func (e *eraser) anew(ctx context.Context, uid, digest string, rest []header, persons map[string]bool) error {
	id, _, err := studyRow(ctx, e.tx, e.p.Site, uid)
	if err != nil || id == "" {
		return err
	}
	if len(rest) == 0 {
		if err := e.a.Unprepare(ctx, e.tx, e.p.Site, id); err != nil {
			return err
		}
		if err := e.rows(ctx, id); err != nil {
			return err
		}
		return e.told(ctx, uid, false) // its instances are of another study now
	}
	if _, err := e.tx.Exec(ctx, `update study set corrected = $2 where id = $1`, id, digest); err != nil {
		return err
	}
	if err := e.remains(ctx, id, rest); err != nil {
		return err
	}
	list, err := personsOf(ctx, e.tx, id)
	if err != nil {
		return err
	}
	maps.Copy(persons, list)
	if err := e.a.prepareStudy(ctx, e.tx, id); err != nil {
		return err
	}
	return e.told(ctx, uid, false)
}

// personsOf returns whom the instances of a study name.
func personsOf(ctx context.Context, q db.Querier, study string) (map[string]bool, error) {
	list, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select person from study_person where study = $1`, study)
	all := map[string]bool{}
	for _, who := range list {
		all[who] = true
	}
	return all, err
}
