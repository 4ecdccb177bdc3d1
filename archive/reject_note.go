package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"strings"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// maxRejected is how many instances one note may name.
const maxRejected = 100_000

// rejectionDue notes that a note is to be read.
func (a *Archive) rejectionDue(ctx context.Context, tx *db.Tx, e *entry) error {
	if e.class != uid.KeyObjectSelectionDocumentStorage || len(a.Titles) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `insert into rejection_due (site_id, sop_uid) values ($1, $2) on conflict do nothing`, e.site, e.sop.String())
	return err
}

// arrivedRejected follows a note that came, or hides what came although it was
// rejected. What fails is tried again by Run.
func (a *Archive) arrivedRejected(ctx context.Context, e *entry) {
	var err error
	switch {
	case e.class == uid.KeyObjectSelectionDocumentStorage && len(a.Titles) > 0:
		err = a.readNote(asActor(ctx, e.actor), e.site, e.sop)
	case a.rejects.Load() > 0:
		err = a.hideAgain(ctx, e.site, e.sop.String())
	}
	if err != nil {
		a.Log.WarnContext(ctx, "a rejection is followed later", "sop", e.sop.String(), "error", err)
	}
}

// readNotes follows the notes that are due, and hides what slipped through.
func (a *Archive) readNotes(ctx context.Context) error {
	type due struct{ site, sop string }
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (d due, err error) { return d, r.Scan(&d.site, &d.sop) },
		`select site_id, sop_uid from rejection_due order by sop_uid limit 1000`)
	if err != nil {
		return err
	}
	for _, d := range list {
		sop, err := uid.Parse(d.sop)
		if err == nil {
			err = a.readNote(asActor(ctx, "system:archive"), d.site, sop)
		}
		if err != nil {
			return err
		}
	}
	if err := a.countRejections(ctx); err != nil || a.rejects.Load() == 0 {
		return err
	}
	list, err = db.List(ctx, a.DB, func(r *db.Rows) (d due, err error) { return d, r.Scan(&d.site, &d.sop) },
		`select instance.site_id, instance.sop_uid from rejection join rejection_object on rejection_object.rejection = rejection.id
		join instance on instance.site_id = rejection_object.site_id and instance.sop_uid = rejection_object.sop_uid
		where rejection.undone_ms = 0 and rejection.hides and not rejection.again limit 1000`)
	for _, d := range list {
		if err == nil {
			err = a.hideAgain(ctx, d.site, d.sop)
		}
	}
	return err
}

// hideAgain hides an instance if it was rejected.
func (a *Archive) hideAgain(ctx context.Context, site, sop string) error {
	list, err := db.List(ctx, a.DB, scanRejection, fromRejection+`where undone_ms = 0 and hides and not again and id in (
		select rejection from rejection_object where site_id = $1 and sop_uid = $2) order by id limit 1`, site, sop)
	if err != nil || len(list) == 0 {
		return err
	}
	return a.hide(ctx, list[0], map[string]bool{sop: true}, nil)
}

// readNote follows a Key Object Selection, if its title is one that rejects.
func (a *Archive) readNote(ctx context.Context, site string, sop uid.UID) error {
	done := func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from rejection_due where site_id = $1 and sop_uid = $2`, site, sop.String())
		return err
	}
	o, err := a.Open(ctx, site, sop)
	if err != nil && fault.Of(err) == fault.NotFound {
		return a.DB.Write(ctx, done)
	}
	if err != nil {
		return err
	}
	defer o.Close()
	f, err := o.Read(nil)
	if err != nil {
		return err
	}
	concept := f.Item(tag.ConceptNameCodeSequence)
	title, ok := a.title(concept.Text(tag.CodeValue))
	names, reason := noteNames(f.Dataset, o.Instance.Study), noteReason(f.Dataset)
	if !ok || title.Scheme != concept.Text(tag.CodingSchemeDesignator) || len(names) == 0 {
		return a.DB.Write(ctx, done)
	}
	person, err := a.PersonOf(ctx, site, o.Instance.Study.String())
	if err != nil {
		return err
	}
	j := Rejection{
		ID: db.NewID(), Site: site, Study: o.Instance.Study.String(), Person: Conceal(person), Title: title.Code, Note: sop.String(), Reason: reason,
		Actor: actorOf(ctx), At: a.Now(), Objects: int64(len(names)), Hides: title.Hides, Again: title.Again,
	}
	write := func(tx *db.Tx) error { return a.noteRejection(ctx, tx, j, names, done) }
	if !title.Hides {
		return a.DB.Write(ctx, write)
	}
	names[sop.String()] = true // the note is hidden with what it names
	return a.hide(ctx, j, names, write)
}

// noteRejection writes j down. A note is followed once.
func (a *Archive) noteRejection(ctx context.Context, tx *db.Tx, j Rejection, names map[string]bool, done func(*db.Tx) error) error {
	n, err := tx.Exec(ctx, `insert into rejection (id, site_id, study_uid, person, title, note, reason, actor, at_ms, objects, hides, again)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (site_id, note) do nothing`,
		j.ID, j.Site, j.Study, j.Person.Reveal(), j.Title, j.Note, j.Reason, j.Actor, db.Millis(j.At), j.Objects, j.Hides, j.Again)
	if err != nil || n == 0 {
		return firstOf(err, done(tx))
	}
	for sop := range names {
		if sop == j.Note {
			continue
		}
		if _, err := tx.Exec(ctx, `insert into rejection_object (rejection, site_id, sop_uid) values ($1, $2, $3)`, j.ID, j.Site, sop); err != nil {
			return err
		}
	}
	if j.Hides && !j.Again {
		tx.OnCommit(func() { a.rejects.Store(1) })
	}
	if err := a.Journal.Append(ctx, tx, j.entry("archive.instance.rejected", j.Reason)); err != nil {
		return err
	}
	return done(tx)
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// hide takes what j is about out of the index, as far as it is there.
func (a *Archive) hide(ctx context.Context, j Rejection, names map[string]bool, also func(*db.Tx) error) error {
	study, err := uid.Parse(j.Study)
	if err != nil {
		return err
	}
	due := never
	if t, ok := a.title(j.Title); ok && !t.Kept {
		due = a.Now().Add(a.Grace)
	}
	d := Deletion{Cause: ByRejection, Reason: j.Reason, Level: "instance", Actor: j.Actor, Due: due}
	_, err = a.take(ctx, j.Site, Target{Study: study}, func(i Instance) bool { return names[i.SOP.String()] }, d, nil, func(tx *db.Tx, d Deletion) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `insert into rejection_trash (rejection, site_id, trash) values ($1, $2, $3)`, j.ID, j.Site, d.ID)
		return err
	})
	return err
}

// noteNames returns the instances of a study that a Key Object Selection names as its
// evidence (PS3.3 C.17.6.2).
func noteNames(d *dicom.Dataset, study uid.UID) map[string]bool {
	all := map[string]bool{}
	for _, s := range d.Items(tag.CurrentRequestedProcedureEvidenceSequence) {
		if s.UID(tag.StudyInstanceUID) != study {
			continue
		}
		for _, series := range s.Items(tag.ReferencedSeriesSequence) {
			for _, i := range series.Items(tag.ReferencedSOPSequence) {
				if u := i.UID(tag.ReferencedSOPInstanceUID); !u.IsZero() && len(all) < maxRejected {
					all[u.String()] = true
				}
			}
		}
	}
	return all
}

// keyObjectDescription is the code of what a note says in words (PS3.16 TID 2010).
const keyObjectDescription = "113012"

// noteReason returns what a note says in words.
func noteReason(d *dicom.Dataset) string {
	for _, i := range d.Items(tag.ContentSequence) {
		if i.Item(tag.ConceptNameCodeSequence).Text(tag.CodeValue) == keyObjectDescription {
			return clip(strings.TrimSpace(i.Text(tag.TextValue)))
		}
	}
	return ""
}

// writeNote makes a rejection note about what t names (PS3.3 A.35.4, PS3.16 TID 2010).
func (a *Archive) writeNote(ctx context.Context, site string, t Target, title Title, reason string) (Arrival, error) {
	s, err := a.Study(ctx, site, t.Study)
	if err != nil {
		return Arrival{}, err
	}
	list, err := db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2 order by series_uid, instance_number, instance.id`, site, t.Study.String())
	if err != nil {
		return Arrival{}, err
	}
	var series []*dicom.Builder
	var content, sops []*dicom.Builder
	last := uid.UID{}
	flush := func() {
		if len(sops) > 0 {
			series = append(series, dicom.NewBuilder().UID(tag.SeriesInstanceUID, last).Sequence(tag.ReferencedSOPSequence, sops...))
		}
		sops = nil
	}
	for _, i := range list {
		if !t.has(i.Series, i.SOP) {
			continue
		}
		if i.Series != last {
			flush()
			last = i.Series
		}
		ref := dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, i.SOPClass).UID(tag.ReferencedSOPInstanceUID, i.SOP)
		sops = append(sops, ref)
		kind := "COMPOSITE"
		if strings.Contains(uid.Name(i.SOPClass), "Image Storage") {
			kind = "IMAGE"
		}
		content = append(content, dicom.NewBuilder().Text(tag.RelationshipType, "CONTAINS").Text(tag.ValueType, kind).Sequence(tag.ReferencedSOPSequence, ref))
	}
	flush()
	if len(content) == 0 || len(content) > maxRejected {
		return Arrival{}, fault.Errorf(fault.NotFound, "no %s %s, or too much of it", t.level(), t.subject())
	}
	words := dicom.NewBuilder().Text(tag.RelationshipType, "CONTAINS").Text(tag.ValueType, "TEXT").
		Sequence(tag.ConceptNameCodeSequence, coded(keyObjectDescription, "DCM", "Key Object Description")).Text(tag.TextValue, reason)
	var own [2]uid.UID // of the note, and of its series
	for n := range own {
		if own[n], err = uid.New(rand.Reader); err != nil {
			return Arrival{}, err
		}
	}
	now := a.Now()
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.KeyObjectSelectionDocumentStorage).UID(tag.SOPInstanceUID, own[0]).UID(tag.SeriesInstanceUID, own[1]).
		UID(tag.StudyInstanceUID, t.Study).Text(tag.Modality, "KO").Text(tag.Manufacturer, a.system()).Int(tag.SeriesNumber, 1).Int(tag.InstanceNumber, 1).
		Text(tag.PatientName, s.PatientName.Reveal()).Text(tag.PatientID, s.PatientID.Reveal()).Text(tag.IssuerOfPatientID, s.IssuerOfPatientID.Reveal()).
		Text(tag.PatientBirthDate, s.PatientBirthDate.Reveal()).Text(tag.PatientSex, s.PatientSex.Reveal()).
		Text(tag.StudyDate, s.Date).Text(tag.StudyTime, s.Time).Text(tag.AccessionNumber, s.AccessionNumber.Reveal()).
		Text(tag.ReferringPhysicianName, s.ReferringPhysician.Reveal()).Text(tag.StudyID, s.StudyID).
		Text(tag.ContentDate, now.Format("20060102")).Text(tag.ContentTime, now.Format("150405")).
		Sequence(tag.ReferencedPerformedProcedureStepSequence).Text(tag.ValueType, "CONTAINER").Text(tag.ContinuityOfContent, "SEPARATE").
		Sequence(tag.ConceptNameCodeSequence, coded(title.Code, title.Scheme, title.Meaning)).
		Sequence(tag.ContentTemplateSequence, dicom.NewBuilder().Text(tag.MappingResource, "DCMR").Text(tag.TemplateIdentifier, "2010")).
		Sequence(tag.CurrentRequestedProcedureEvidenceSequence, dicom.NewBuilder().UID(tag.StudyInstanceUID, t.Study).Sequence(tag.ReferencedSeriesSequence, series...)).
		Sequence(tag.ContentSequence, append([]*dicom.Builder{words}, content...)...)
	d, err := b.Dataset()
	if err != nil {
		return Arrival{}, err
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, d, uid.ExplicitVRLittleEndian); err != nil {
		return Arrival{}, err
	}
	return Arrival{
		Site: site, Actor: actorOf(ctx), Door: "rejection", SOPClass: uid.KeyObjectSelectionDocumentStorage, SOPInstance: own[0],
		TransferSyntax: uid.ExplicitVRLittleEndian, Data: io.Reader(&out),
	}, nil
}

func coded(value, scheme, meaning string) *dicom.Builder {
	return dicom.NewBuilder().Text(tag.CodeValue, value).Text(tag.CodingSchemeDesignator, scheme).Text(tag.CodeMeaning, meaning)
}
