package archive

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"time"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A fix is a correction that holds, made ready to be applied.
type fix struct {
	Correction
	values *dicom.Dataset
	texts  map[tag.Tag]string
	of     map[string]bool // persons as received
}

// fixes are the corrections of a study in the order in which they are applied: what
// was said of a part of it lies over what was said of the whole, and else the later
// over the earlier.
type fixes []fix

// fix makes c ready; it is about objects that name one of some persons.
func (c *Correction) fix(of map[string]bool) (fix, error) {
	f := fix{Correction: *c, of: of, texts: map[tag.Tag]string{}}
	b := dicom.NewBuilder()
	for _, v := range c.Values {
		f.texts[v.Tag] = v.Text.Reveal()
		b.Text(v.Tag, v.Text.Reveal())
	}
	if !c.Split.IsZero() {
		f.texts[tag.StudyInstanceUID] = c.Split.String()
		b.UID(tag.StudyInstanceUID, c.Split)
	}
	var err error
	f.values, err = b.Dataset()
	return f, err
}

// fixesOf returns the corrections that hold of a study, of the one that it was split
// from, and of those split from it; and the Study Instance UIDs of all these, in order.
func fixesOf(ctx context.Context, q db.Querier, site, study string) (fixes, []string, error) {
	family, of := []string{study}, map[string]Correction{}
	for n := 0; n < len(family) && n < maxFamily; n++ {
		list, err := db.List(ctx, q, scanCorrection, fromCorrection+`where undone_ms = 0 and id in (select id from correction where site_id = $1 and study_uid = $2
			union all select id from correction where site_id = $1 and new_study <> '' and new_study = $2)`, site, family[n])
		if err != nil {
			return nil, nil, err
		}
		for _, c := range list {
			of[c.ID] = c
			for _, u := range []string{c.Target.Study.String(), c.Split.String()} {
				if u != "" && !slices.Contains(family, u) {
					family = append(family, u)
				}
			}
		}
	}
	slices.Sort(family)
	var all fixes
	for id, c := range of {
		persons, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select person from correction_received where correction = $1`, id)
		if err != nil {
			return nil, nil, err
		}
		named := map[string]bool{}
		for _, p := range persons {
			named[p] = true
		}
		f, err := c.fix(named)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, f)
	}
	slices.SortFunc(all, fix.compare)
	return all, family, nil
}

// compare orders fixes as they are applied.
func (f fix) compare(g fix) int {
	return cmp.Or(cmp.Compare(breadth[g.Target.level()], breadth[f.Target.level()]), cmp.Compare(f.ID, g.ID))
}

// maxFamily bounds how many studies are made of one.
const maxFamily = 100

// breadth orders levels by how much they hold.
var breadth = map[string]int{"study": 3, "series": 2, "instance": 1}

// overlays are all that lies over the objects of a study: what rules for their senders
// made of them when they came, and over that what was corrected.
type overlays struct {
	fixes
	coercions map[string]*Coercion // by id
	family    []string             // the study, and all that were split from it or it from
}

// overlaysOf returns what lies over the objects of a study.
func overlaysOf(ctx context.Context, q db.Querier, site, study string) (o overlays, err error) {
	if o.fixes, o.family, err = fixesOf(ctx, q, site, study); err != nil {
		return o, err
	}
	o.coercions = map[string]*Coercion{}
	for _, u := range o.family {
		of, err := coercionsOf(ctx, q, site, u)
		if err != nil {
			return o, err
		}
		maps.Copy(o.coercions, of)
	}
	return o, nil
}

// none reports whether nothing does.
func (o overlays) none() bool { return len(o.fixes)+len(o.coercions) == 0 }

// digest names the corrections and coercions, "" for none.
func (o overlays) digest() string {
	if o.none() {
		return ""
	}
	sum := sha256.New()
	for _, f := range o.fixes {
		_, _ = io.WriteString(sum, f.ID+"\n")
	}
	for _, id := range slices.Sorted(maps.Keys(o.coercions)) {
		_, _ = io.WriteString(sum, id+"\n")
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// with returns o and a version.
func (o overlays) with(c *Coercion) overlays {
	of := map[string]*Coercion{c.ID: c}
	maps.Copy(of, o.coercions)
	o.coercions = of
	return o
}

// about returns what lies over one data set, which came under a version, in order.
func (o overlays) about(d *dicom.Dataset, series, sop uid.UID, coerced string) fixes {
	var all fixes
	patient := values(d, patientColumns)
	if c := o.coercions[coerced]; c != nil {
		if f, ok := c.on(d); ok {
			all, patient = append(all, f), f.over(patientColumns, patient)
		}
	}
	return append(all, o.on(d.UID(tag.StudyInstanceUID), series, sop, personOf(patient))...)
}

// on returns those that are about an instance that names a person: those of the study
// that it names, and if they move it to another study, those of that.
func (l fixes) on(study, series, sop uid.UID, person string) fixes {
	var some fixes
	for range maxFamily {
		next, left := study, "" // the correction by which it left the study
		for _, f := range l {
			if f.about(study, series, sop, person) && !f.Split.IsZero() {
				next, left = f.Split, f.ID
			}
		}
		for _, f := range l {
			if f.about(study, series, sop, person) && (left == "" || f.ID <= left) {
				some = append(some, f)
			}
		}
		if next == study {
			break
		}
		study = next
	}
	return some
}

// about reports whether f is about an instance of a study that names a person.
func (f fix) about(study, series, sop uid.UID, person string) bool {
	return f.Target.Study == study && f.of[person] && f.Target.has(series, sop)
}

// header returns what the index takes of an instance under its corrections.
func (l fixes) header(h header) header {
	for _, f := range l.on(h.study, h.series, h.sop, personOf(h.patient)) {
		h.patient, h.ofStudy = f.over(patientColumns, h.patient), f.over(studyColumns, h.ofStudy)
		if !f.Split.IsZero() {
			h.study = f.Split
		}
	}
	return h
}

// over returns columns with what is right.
func (f fix) over(columns []column, have []string) []string {
	out := slices.Clone(have)
	for i, c := range columns {
		if _, ok := f.texts[c.tag]; ok {
			out[i] = c.read(f.values, c.tag)
		}
	}
	return out
}

// entry returns e under the corrections of its study.
func (l fixes) entry(e *entry) *entry {
	if len(l) == 0 {
		return e
	}
	right := *e
	right.header = l.header(e.header)
	return &right
}

// A change is what corrections change in a data set.
type change struct {
	set  *dicom.Dataset
	drop map[tag.Tag]bool
	utf8 bool // the character set of the data set does not have what is to be said
}

// of other persons are attributes that are left out where the patient is another one.
var ofOtherPerson = []tag.Tag{
	tag.IssuerOfPatientIDQualifiersSequence, tag.PatientBirthTime, tag.OtherPatientIDs, tag.OtherPatientNames, tag.OtherPatientIDsSequence,
	tag.PatientBirthName, tag.PatientMotherBirthName, tag.PatientAddress, tag.PatientTelephoneNumbers, tag.ReferencedPatientSequence,
}

// change returns what is changed in a data set of whom the corrections l are, which
// came from a sender. With what was there before it is told in Original Attributes
// Sequence (PS3.3 C.12.1.1.9): an item for each correction.
func (l fixes) change(d *dicom.Dataset, by told, unicode bool) (change, error) {
	c := change{drop: map[tag.Tag]bool{}}
	b, now := dicom.NewBuilder(), map[tag.Tag]string{}
	var items []*dicom.Builder
	for _, item := range d.Items(tag.OriginalAttributesSequence) {
		items = append(items, dicom.Edit(item))
	}
	for _, f := range l {
		before, some := dicom.NewBuilder(), false
		id, other := f.texts[tag.PatientID]
		other = other && f.Cause != ByPeer && id != d.Text(tag.PatientID)
		for _, t := range slices.Sorted(maps.Keys(f.texts)) {
			some = was(before, d, now, t) || some
			now[t] = f.texts[t]
			b.Text(t, now[t])
		}
		if other {
			for _, t := range ofOtherPerson {
				if e, ok := d.Element(t); ok && !c.drop[t] {
					before.Copy(e)
					c.drop[t], some = true, true
				}
			}
		}
		if !some { // an item is demanded, and something in it
			for t := range f.texts {
				before.Text(t)
			}
		}
		items = append(items, f.told(before, by))
	}
	b.Sequence(tag.OriginalAttributesSequence, items...)
	return c, c.build(b, d, unicode)
}

// was puts what an attribute says before a correction into b, if it is there.
func was(b *dicom.Builder, d *dicom.Dataset, now map[tag.Tag]string, t tag.Tag) bool {
	if s, ok := now[t]; ok {
		b.Text(t, s)
		return true
	}
	e, ok := d.Element(t)
	if ok {
		b.Copy(e)
	}
	return ok
}

// told is what an item of Original Attributes Sequence says beside what was changed.
type told struct {
	system, sender string
	received       time.Time
}

// told returns the item of Original Attributes Sequence for f.
func (f fix) told(before *dicom.Builder, by told) *dicom.Builder {
	reason, at := "CORRECT", f.At
	if f.Cause == ByPeer {
		reason, at = "COERCE", by.received
	}
	return dicom.NewBuilder().Sequence(tag.ModifiedAttributesSequence, before).
		Text(tag.AttributeModificationDateTime, at.UTC().Format("20060102150405.000")+"+0000").
		Text(tag.ModifyingSystem, by.system).Text(tag.SourceOfPreviousValues, by.sender).
		Text(tag.ReasonForTheAttributeModification, reason)
}

// build makes the elements in the character set of d, or in UTF-8 where that does not
// have what is to be said.
func (c *change) build(b *dicom.Builder, d *dicom.Dataset, unicode bool) (err error) {
	declared := d.Texts(tag.SpecificCharacterSet)
	if len(declared) > 0 && !unicode {
		b.Text(tag.SpecificCharacterSet, declared...)
		if c.set, err = b.Dataset(); err == nil {
			return nil
		}
		b.Delete(tag.SpecificCharacterSet)
	}
	c.set, err = b.Dataset()
	c.utf8 = err == nil && (c.set.Has(tag.SpecificCharacterSet) || len(declared) > 0)
	return err
}

// OpenReceived opens an instance that was looked up with the bytes that were received,
// whatever was corrected since. It is for those who may see what was wrong.
func (a *Archive) OpenReceived(ctx context.Context, i Instance) (Object, error) {
	o, err := a.openBytes(ctx, i)
	if err != nil {
		return Object{}, err
	}
	return Object{Object: o, Instance: i}, nil
}

// headerIn reads what an instance says of patient and study, under its corrections.
func (a *Archive) headerIn(ctx context.Context, q db.Querier, i Instance) (header, error) {
	if i.corrected == "" {
		return a.peek(ctx, i.ref, nil)
	}
	l, err := overlaysOf(ctx, q, i.Site, i.Study.String())
	if err != nil {
		return header{}, err
	}
	h, err := a.peekIn(ctx, q, i, l)
	return l.header(h), err
}

// peekIn reads what an instance said of patient and study when it came.
func (a *Archive) peekIn(ctx context.Context, q db.Querier, i Instance, l overlays) (header, error) {
	by := ""
	if len(l.coercions) > 0 {
		var err error
		if by, err = coercedBy(ctx, q, i.Site, i.SOP.String()); err != nil {
			return header{}, err
		}
	}
	return a.peek(ctx, i.ref, l.coercions[by])
}

// right returns o as it is given out: under the corrections that are about it.
func (a *Archive) right(ctx context.Context, q db.Querier, o Object) (Object, error) {
	i := o.Instance
	over, err := overlaysOf(ctx, q, i.Site, i.Study.String())
	if err != nil || over.none() {
		return o, err
	}
	by, err := coercedBy(ctx, q, i.Site, i.SOP.String())
	if err != nil {
		return o, err
	}
	f, err := o.Read(&dicom.Options{StopAt: firstPixels})
	if err != nil {
		return o, unreadable(f, err)
	}
	l := over.about(f.Dataset, i.Series, i.SOP, by)
	if len(l) == 0 {
		return o, nil
	}
	rest := f.End
	if s, _ := uid.SyntaxOf(i.TransferSyntax); s.Deflated {
		rest = o.Size()
		if f, err = o.inflated(); err != nil {
			return o, err
		}
	}
	if f.End-f.Start > maxHeader {
		return o, fault.Errorf(fault.Exhausted, "instance %s: its header of %d bytes is too long to be corrected", i.SOP, f.End-f.Start)
	}
	head, err := a.rewritten(o, f, l)
	if err != nil {
		return o, err
	}
	joint := &spliced{head: head, under: o.Object, from: rest}
	i.Length = joint.Size()
	return Object{Object: joint, Instance: i}, nil
}

// inflated reads a deflated object into memory.
func (o Object) inflated() (*dicom.File, error) {
	var file bytes.Buffer
	i := o.Instance
	if err := dicom.WriteMeta(&file, dicom.Meta{SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: uid.ExplicitVRLittleEndian}); err != nil {
		return nil, err
	}
	from := flate.NewReader(io.NewSectionReader(o, o.DatasetAt(), o.Size()-o.DatasetAt()))
	if _, err := io.Copy(&file, io.LimitReader(from, maxHeader+1)); err != nil {
		return nil, fault.Errorf(fault.Invalid, "instance %s: the deflated data are damaged", i.SOP)
	}
	return dicom.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), nil)
}

// rewritten returns what stands before the pixels of an object, under corrections.
func (a *Archive) rewritten(o Object, f *dicom.File, l fixes) ([]byte, error) {
	c, err := l.change(f.Dataset, told{a.system(), o.Instance.CallingAE, o.Instance.ReceivedAt}, false)
	if err != nil {
		return nil, err
	}
	out := &growing{b: make([]byte, o.DatasetAt(), o.DatasetAt()+8<<10)}
	if _, err := o.ReadAt(out.b, 0); err != nil {
		return nil, err
	}
	if !c.utf8 {
		drop := func(e dicom.Element) bool { return c.drop[e.Tag()] }
		err := dicom.WriteChanged(out, f.Dataset, o.Instance.TransferSyntax, dicom.Changes{Set: c.set, Drop: drop})
		return out.b, err
	}
	b := dicom.Edit(f.Dataset)
	for t := range c.drop {
		b.Delete(t)
	}
	for e := range c.set.All() {
		b.Copy(e)
	}
	b.Text(tag.SpecificCharacterSet, "ISO_IR 192")
	d, err := b.Dataset()
	if err != nil {
		return nil, err
	}
	err = dicom.Write(out, d, o.Instance.TransferSyntax)
	return out.b, err
}

// growing is a buffer that is written to.
type growing struct{ b []byte }

// Write implements io.Writer.
func (g *growing) Write(p []byte) (int, error) {
	g.b = append(g.b, p...)
	return len(p), nil
}

// system names this program where it changed something.
func (*Archive) system() string { return dicom.ImplementationVersionName }

// A spliced object is a beginning in memory, and another object from a place on.
type spliced struct {
	head  []byte
	under interface {
		io.ReaderAt
		io.Closer
		Size() int64
	}
	from int64
}

// Size implements blob.Object.
func (s *spliced) Size() int64 { return int64(len(s.head)) + s.under.Size() - s.from }

// Close implements blob.Object.
func (s *spliced) Close() error { return s.under.Close() }

// ReadAt implements io.ReaderAt.
func (s *spliced) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fault.Errorf(fault.Invalid, "read before the beginning")
	}
	if head := int64(len(s.head)); at < head {
		n = copy(p, s.head[at:])
		if n == len(p) {
			return n, nil
		}
		at = head
	}
	more, err := s.under.ReadAt(p[n:], at-int64(len(s.head))+s.from)
	return n + more, err
}

// corrections erases what was said to be right about the person, and about studies that
// are gone.
func (e *eraser) corrections(ctx context.Context) error {
	const theirs = `select id from correction where site_id = $1 and (person <> '' and person = $2 or
		not exists (select 1 from study where study.site_id = correction.site_id and study.study_uid in (correction.study_uid, correction.new_study))
		and not exists (select 1 from trash_object where trash_object.site_id = correction.site_id and trash_object.study_uid = correction.study_uid))`
	studies, err := db.List(ctx, e.tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select distinct study_uid from correction where id in (`+theirs+`)`, e.p.Site, e.p.ID)
	if err != nil {
		return err
	}
	e.gone = append(e.gone, studies...)
	for _, s := range []string{
		`delete from correction_received where correction in (` + theirs + `)`,
		`delete from correction where id in (` + theirs + `)`,
	} {
		if _, err := e.tx.Exec(ctx, s, e.p.Site, e.p.ID); err != nil {
			return err
		}
	}
	if err := e.coercions(ctx); err != nil {
		return err
	}
	_, err = e.tx.Exec(ctx, `delete from suspect_dismissed where site_id = $1 and not exists (select 1 from study
		where study.site_id = suspect_dismissed.site_id and study.study_uid = suspect_dismissed.study_uid)`, e.p.Site)
	return err
}

// coercions erases under which versions came what of this erasure is neither in the index
// nor in the trash any more: it is looked for by what was erased.
func (e *eraser) coercions(ctx context.Context) error {
	if _, err := e.tx.Exec(ctx, dropCoerced, e.p.Site, e.id); err != nil {
		return err
	}
	for _, study := range e.gone {
		if _, err := e.tx.Exec(ctx, dropCoercedStudy, e.p.Site, study); err != nil {
			return err
		}
	}
	return nil
}

const (
	dropCoerced = `delete from coerced where site_id = $1 and sop_uid in (select sop_uid from erasure_object where erasure = $2)
		and not exists (select 1 from instance where instance.site_id = coerced.site_id and instance.sop_uid = coerced.sop_uid)
		and not exists (select 1 from trash_object where trash_object.site_id = coerced.site_id and trash_object.sop_uid = coerced.sop_uid)`
	dropCoercedStudy = `delete from coerced_study where site_id = $1 and study_uid = $2
		and not exists (select 1 from study where study.site_id = coerced_study.site_id and study.study_uid = coerced_study.study_uid)
		and not exists (select 1 from correction where correction.site_id = coerced_study.site_id and correction.study_uid = coerced_study.study_uid)
		and not exists (select 1 from trash_object where trash_object.site_id = coerced_study.site_id and trash_object.study_uid = coerced_study.study_uid)`
)
