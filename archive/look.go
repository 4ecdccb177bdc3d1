package archive

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Study is what the index says about a study.
type Study struct {
	ID, Site string
	UID      uid.UID

	PatientID, IssuerOfPatientID, PatientName Personal
	PatientBirthDate, PatientSex              Personal
	PatientsDiffer                            bool     // its instances name more than one patient
	Person                                    Personal // as the journal and the other rooms name them

	Date, Time, TimezoneOffset            string
	AccessionNumber                       Personal
	ReferringPhysician                    Personal
	StudyID, Description                  string
	Modalities                            []string
	SeriesCount, InstanceCount, SizeBytes int64
	ReceivedAt, UpdatedAt                 time.Time // the first instance, the last one
}

// A Series is what the index says about a series.
type Series struct {
	ID, Site, Study                                           string // Study is the study's id
	UID                                                       uid.UID
	Number                                                    *int64 // nil if it has none
	Modality, Description, BodyPart, Laterality, Date, Time   string
	PerformedStepStartDate, PerformedStepStartTime            string
	ProtocolName, Institution, Department, StationName        string
	Manufacturer, Model, DeviceSerialNumber, SoftwareVersions string
	Machine                                                   string // id of the machine, "" if unknown
	InstanceCount, SizeBytes                                  int64
	ReceivedAt, UpdatedAt                                     time.Time
}

// An Instance is what the index says about an instance.
type Instance struct {
	ID, Site        string
	SOP, SOPClass   uid.UID
	Study, Series   uid.UID
	TransferSyntax  uid.UID
	Number          *int64
	Frames          *int64
	Length          int64 // of the object in bytes, meta information included
	SHA256          [32]byte
	Door, CallingAE string
	ReceivedAt      time.Time
	Repeats         int64 // how often the same was sent again

	ref       blob.Ref
	datasetAt int64
	corrected string // what was corrected of its study, "" for nothing
}

// Corrected names what was corrected of the instance's study, "" for nothing: what is
// given out of it may differ from what was received.
func (i Instance) Corrected() string { return i.corrected }

const (
	fromStudy = `select id, site_id, study_uid, patient_id, issuer_of_patient_id, patient_name, patient_birth_date, patient_sex,
		patient_differs, study_date, study_time, timezone_offset, accession_number, referring_physician_name, study_id,
		study_description, modalities, series_count, instance_count, size_bytes, received_at, updated_at, person from study `
	fromSeries = `select series.id, series.site_id, study, series_uid, series_number, modality, series_description, body_part_examined,
		laterality, series_date, series_time, performed_step_start_date, performed_step_start_time, protocol_name,
		institution_name, department_name, station_name, manufacturer, series.model_name, device_serial_number,
		software_versions, machine, series.instance_count, series.size_bytes, series.received_at, series.updated_at from series `
	fromInstance = `select instance.id, instance.site_id, sop_uid, sop_class, study_uid, series_uid, transfer_syntax, instance_number, number_of_frames,
		length, sha256, pack, pack_offset, dataset_at, door, calling_ae, instance.received_at, repeats, study.corrected
		from instance join series on series.id = instance.series join study on study.id = series.study `
)

// Study returns the study of that UID. NotFound: there is none.
func (a *Archive) Study(ctx context.Context, site string, u uid.UID) (Study, error) {
	return one(ctx, a.DB, scanStudy, "study", fromStudy+`where site_id = $1 and study_uid = $2`, site, u.String())
}

// SeriesOf returns the series of a study in the order of their numbers. It is
// empty if there is no such study.
func (a *Archive) SeriesOf(ctx context.Context, site string, study uid.UID) ([]Series, error) {
	return db.List(ctx, a.DB, scanSeries, fromSeries+`join study on study.id = series.study
		where study.site_id = $1 and study_uid = $2 order by coalesce(series_number, 2147483647), series.id`, site, study.String())
}

// Instance returns the instance of that SOP Instance UID. NotFound: there is none.
func (a *Archive) Instance(ctx context.Context, site string, sop uid.UID) (Instance, error) {
	return one(ctx, a.DB, scanInstance, "instance", fromInstance+`where instance.site_id = $1 and sop_uid = $2`, site, sop.String())
}

// Instances returns instances of a series in the order of their numbers, at most
// limit of them, behind after, the last of the call before, or from the first if
// that is nil. The series is named by its UID and that of its study.
func (a *Archive) Instances(ctx context.Context, site string, study, series uid.UID, after *Instance, limit int) ([]Instance, error) {
	number, id := int64(-1<<62), ""
	if after != nil {
		number, id = orLast(after.Number), after.ID
	}
	return db.List(ctx, a.DB, scanInstance, fromInstance+`where study.site_id = $1 and study_uid = $2 and series_uid = $3
		and (coalesce(instance_number, 9223372036854775807) > $4 or coalesce(instance_number, 9223372036854775807) = $4 and instance.id > $5)
		order by coalesce(instance_number, 9223372036854775807), instance.id limit $6`, site, study.String(), series.String(), number, id, limit)
}

func orLast(n *int64) int64 {
	if n == nil {
		return 1<<63 - 1
	}
	return *n
}

// OfEvent returns the instances that name an irradiation event in their header.
func (a *Archive) OfEvent(ctx context.Context, site string, event uid.UID) ([]Instance, error) {
	return db.List(ctx, a.DB, scanInstance, fromInstance+`join instance_event on instance_event.instance = instance.id
		where instance_event.site_id = $1 and event_uid = $2 order by instance.id`, site, event.String())
}

// A Filter says which studies are asked for, and for whom. Empty fields ask
// nothing; all others must hold.
type Filter struct {
	Reach access.Reach // of whoever asks: the zero Reach finds nothing

	Persons         []string // of one of these, such as all identifiers of one person
	PatientName     string   // begins with this, whatever the case and accents
	PatientID       string
	AccessionNumber string
	DateFrom        string // YYYYMMDD, included
	DateTo          string // YYYYMMDD, included
	Modality        string // one of the study's series has it
}

// A Cursor names a place in a list of studies; the zero Cursor is its beginning.
type Cursor struct{ date, time, id string }

// Next returns the place behind s.
func (s Study) Next() Cursor { return Cursor{s.Date, s.Time, s.ID} }

// String returns the cursor as text for an address.
func (c Cursor) String() string {
	if c.id == "" {
		return ""
	}
	return c.date + "_" + c.time + "_" + c.id
}

// ParseCursor reads what String returned. Invalid: it did not.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	parts := strings.Split(s, "_")
	if len(parts) != 3 || parts[2] == "" {
		return Cursor{}, fault.Errorf(fault.Invalid, "not a place in the list of studies")
	}
	return Cursor{parts[0], parts[1], parts[2]}, nil
}

// Studies returns studies that f asks for, the latest first, at most limit of
// them from a place on. What is stored meanwhile neither repeats nor hides any.
//
// Studies of a person whose data are restricted are left out, and those outside of
// the reach of whoever asks. Whoever may not see identities gets studies without
// patient and accession number, and it is Forbidden to search by them.
func (a *Archive) Studies(ctx context.Context, site string, f Filter, from Cursor, limit int) ([]Study, error) {
	if !f.Reach.Identity && (f.PatientName != "" || f.PatientID != "" || f.AccessionNumber != "") {
		return nil, fault.Errorf(fault.Forbidden, "studies: searching by patient or accession number is for those who may see identities")
	}
	if m := a.Minimise; m != nil { // what is searched for becomes what is kept
		f.PatientID, f.AccessionNumber = m.hash("patient", f.PatientID, hashLength), m.accession(f.AccessionNumber)
		f.PatientName = m.name(f.PatientName)
	}
	q := query{text: fromStudy + `where site_id = $1`, args: []any{site}}
	q.within(site, f.Reach, a.Now())
	q.text += ` and not exists (select 1 from study_person where study_person.study = study.id and ` +
		access.Wished("study_person.site_id", "study_person.person", access.Restricted) + `)`
	if len(f.Persons) > 0 {
		q.and(`person <> '' and person in (`+strings.TrimSuffix(strings.Repeat("?, ", len(f.Persons)), ", ")+`)`, anys(f.Persons)...)
	}
	if from.id != "" {
		q.and(`(study_date < ? or study_date = ? and (study_time < ? or study_time = ? and id < ?))`,
			from.date, from.date, from.time, from.time, from.id)
	}
	if name, _ := FoldName(f.PatientName); name != "" {
		q.and(`patient_name_folded >= ? and patient_name_folded < ?`, name, name+"\U0010ffff")
	}
	if f.PatientID != "" {
		q.and(`patient_id = ?`, f.PatientID)
	}
	if f.AccessionNumber != "" {
		q.and(`accession_number <> '' and accession_number = ?`, f.AccessionNumber)
	}
	if f.DateFrom != "" {
		q.and(`study_date >= ?`, f.DateFrom)
	}
	if f.DateTo != "" {
		q.and(`study_date <= ?`, f.DateTo)
	}
	if f.Modality != "" {
		q.and(`exists (select 1 from series where series.study = study.id and series.modality = ?)`, f.Modality)
	}
	order := ` order by study_date desc, study_time desc, id desc limit `
	if few, err := a.fewNamed(ctx, site, f.PatientName); err != nil {
		return nil, err
	} else if few || f.PatientID != "" || f.AccessionNumber != "" {
		order = strings.Replace(order, "study_date", "study_date || ''", 1) // find them first, and sort them then
	}
	q.text += order + strconv.Itoa(max(0, limit))
	list, err := db.List(ctx, a.DB, scanStudy, q.text, q.args...)
	if !f.Reach.Identity {
		for i := range list {
			list[i].conceal()
		}
	}
	return list, err
}

// fewNamed reports whether few studies have a name that begins so.
func (a *Archive) fewNamed(ctx context.Context, site, begin string) (bool, error) {
	name, _ := FoldName(begin)
	if name == "" {
		return false, nil
	}
	var n int64
	err := a.DB.QueryRow(ctx, `select count(*) from (select 1 from study where site_id = $1 and patient_name_folded >= $2 and patient_name_folded < $3 limit `+
		strconv.Itoa(fewRows+1)+`) as s`, site, name, name+"\U0010ffff").Scan(&n)
	return n <= fewRows, err
}

// conceal takes away what says who it is.
func (s *Study) conceal() {
	s.PatientID, s.IssuerOfPatientID, s.PatientName, s.PatientBirthDate = Personal{}, Personal{}, Personal{}, Personal{}
	s.AccessionNumber, s.Person = Personal{}, Personal{}
}

// within leaves the studies that are within reach: those filed under a person, and
// single ones. The few relations come first and studies are looked up by them: the
// cross join keeps the planner from going through all studies by date instead.
func (q *query) within(site string, r access.Reach, now time.Time) {
	rows, args := r.Rows(site, now, len(q.args)+1)
	if rows == "" {
		return
	}
	q.args = append(q.args, args...)
	q.text = strings.Replace(q.text, " from study where", ` from (
		select study.id as within_id from (`+rows+`) as reach join study on study.site_id = $1 and study.person <> '' and study.person = reach.person where reach.person <> ''
		union select study.id from (`+rows+`) as reach join study on study.site_id = $1 and study.study_uid = reach.study where reach.study <> ''
		) as within cross join study where study.id = within_id and`, 1)
}

// anys returns a list of texts as arguments.
func anys(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = s
	}
	return all
}

// A query is a statement in the making.
type query struct {
	text string
	args []any
}

// and adds a condition, in which ? stands for the next of the arguments.
func (q *query) and(condition string, args ...any) {
	for _, a := range args {
		q.args = append(q.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	q.text += " and " + condition
}

// one runs a query for one row and says what was not found.
func one[T any](ctx context.Context, q db.Querier, scan func(*db.Rows) (T, error), what, text string, args ...any) (T, error) {
	var none T
	list, err := db.List(ctx, q, scan, text, args...)
	if err != nil {
		return none, err
	}
	if len(list) == 0 {
		return none, fault.Errorf(fault.NotFound, "no such %s", what)
	}
	return list[0], nil
}

func scanStudy(r *db.Rows) (s Study, err error) {
	var u, modalities string
	var received, updated int64
	err = r.Scan(&s.ID, &s.Site, &u, &s.PatientID, &s.IssuerOfPatientID, &s.PatientName, &s.PatientBirthDate, &s.PatientSex,
		&s.PatientsDiffer, &s.Date, &s.Time, &s.TimezoneOffset, &s.AccessionNumber, &s.ReferringPhysician, &s.StudyID,
		&s.Description, &modalities, &s.SeriesCount, &s.InstanceCount, &s.SizeBytes, &received, &updated, &s.Person)
	s.ReceivedAt, s.UpdatedAt = db.FromMillis(received), db.FromMillis(updated)
	if m := strings.Trim(modalities, `\`); m != "" {
		s.Modalities = strings.Split(m, `\`)
	}
	return s, uids(err, []string{u}, &s.UID)
}

func scanSeries(r *db.Rows) (s Series, err error) {
	var u string
	var received, updated int64
	err = r.Scan(&s.ID, &s.Site, &s.Study, &u, &s.Number, &s.Modality, &s.Description, &s.BodyPart,
		&s.Laterality, &s.Date, &s.Time, &s.PerformedStepStartDate, &s.PerformedStepStartTime, &s.ProtocolName,
		&s.Institution, &s.Department, &s.StationName, &s.Manufacturer, &s.Model, &s.DeviceSerialNumber,
		&s.SoftwareVersions, &s.Machine, &s.InstanceCount, &s.SizeBytes, &received, &updated)
	s.ReceivedAt, s.UpdatedAt = db.FromMillis(received), db.FromMillis(updated)
	return s, uids(err, []string{u}, &s.UID)
}

func scanInstance(r *db.Rows) (i Instance, err error) {
	u, sum, received := make([]string, 5), []byte(nil), int64(0)
	err = r.Scan(&i.ID, &i.Site, &u[0], &u[1], &u[2], &u[3], &u[4], &i.Number, &i.Frames,
		&i.Length, &sum, &i.ref.Pack, &i.ref.Offset, &i.datasetAt, &i.Door, &i.CallingAE, &received, &i.Repeats, &i.corrected)
	copy(i.SHA256[:], sum)
	i.ref.Length, i.ref.SHA256, i.ReceivedAt = i.Length, i.SHA256, db.FromMillis(received)
	return i, uids(err, u, &i.SOP, &i.SOPClass, &i.Study, &i.Series, &i.TransferSyntax)
}

// uids parses what the index holds, unless there was an error already.
func uids(err error, texts []string, to ...*uid.UID) error {
	for i, t := range texts {
		if err == nil {
			err = to[i].UnmarshalText([]byte(t))
		}
	}
	return err
}

// Referred returns the UIDs of studies at a site whose referring physician is one of
// those named, as FoldName folds them, with whatever stands behind their components, by
// UID, at most limit behind after. It is for work in the background, which may look through the whole index.
func (a *Archive) Referred(ctx context.Context, site string, names []string, after string, limit int) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	args, marks := []any{site, after, limit}, make([]string, len(names))
	for i, n := range names {
		args = append(args, n, n+"^", len([]rune(n))+1)
		marks[i] = fmt.Sprintf("referring_physician_folded = $%d or substr(referring_physician_folded, 1, $%d) = $%d", len(args)-2, len(args), len(args)-1)
	}
	return db.List(ctx, a.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from study where site_id = $1 and study_uid > $2 and (`+strings.Join(marks, " or ")+`) order by study_uid limit $3`, args...)
}
