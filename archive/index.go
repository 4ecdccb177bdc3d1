package archive

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/journal"
)

// An entry is an instance on its way into the index.
type entry struct {
	header
	site, actor, door, callingAE string
	calledAE                     string
	syntax                       uid.UID
	ref                          blob.Ref
	datasetAt                    int64
	coerced                      string // id of the version that the header is under; "" for none
	at                           int64  // milliseconds

	durable func(context.Context) error // waits for the bytes; nil: they are durable
}

// errTaken says that there is an instance of that UID. It takes back what the
// transaction had written for this one.
var errTaken = errors.New("the SOP Instance UID is taken")

// errStale says that what was remembered of a series is no longer so.
var errStale = errors.New("the series was deleted, or its study corrected or coerced")

// add writes the rows and the journal entry of e in one transaction, which does not
// commit before the bytes are durable. It returns errTaken if its UID is taken.
func (a *Archive) add(ctx context.Context, e *entry) (id string, err error) {
	for range 3 {
		err = a.DB.Write(ctx, func(tx *db.Tx) error {
			if e.durable != nil { // whoever leaves must not take the commit from those who share it
				tx.BeforeCommit(func() error { return e.settle(context.WithoutCancel(ctx)) })
			}
			id = db.NewID()
			return a.addIn(ctx, tx, e, id)
		})
		if !errors.Is(err, errStale) {
			return id, err
		}
		a.known.forget(e)
	}
	return id, err
}

func (a *Archive) addIn(ctx context.Context, tx *db.Tx, e *entry, id string) error {
	s, e, err := a.place(ctx, tx, e)
	if err != nil {
		return err
	}
	n, err := tx.Exec(ctx, insertInstance, args(id, e.site, s.series, e.sop.String(), e.class.String(), e.ofInstance, e.numbers,
		e.syntax.String(), e.ref.Pack, e.ref.Offset, e.ref.Length, e.ref.SHA256[:], e.datasetAt, e.door, e.callingAE, e.at, 0, e.calledAE)...)
	if err != nil {
		return err
	}
	if n == 0 {
		return errTaken
	}
	if err := e.noteCoerced(ctx, tx); err != nil {
		return err
	}
	for _, u := range e.events {
		if _, err := tx.Exec(ctx, insertEvent, e.site, u.String(), id); err != nil {
			return err
		}
	}
	if err := a.noteDue(ctx, tx, e, s); err != nil {
		return err
	}
	if err := a.rejectionDue(ctx, tx, e); err != nil {
		return err
	}
	tx.OnCommit(func() {
		a.known.put(e, s)
		a.pending.note(s, time.Now()) //nolint:forbidigo // a stopwatch
	})
	return a.Journal.Append(ctx, tx, e.stored(id, s))
}

// A place is the study and the series of an instance, and what the index says
// about them.
type place struct {
	study, series     string
	patient, ofStudy  []string
	differs           bool // the study's instances name more than one patient
	varies            bool // or say different things of the study
	ofSeries          []string
	seriesNumber      *int64
	machine           string
	persons           []string // of those whom the study's instances name, some
	newDispute, fresh bool     // of this transaction: differs became true; the series was made
	newPerson         bool     // of this transaction: no instance of the study had named the person
	told              bool     // of this transaction: the study says something that it did not
	overlays          overlays // what lies over the objects of the study
}

// place finds or makes the study and the series of e and counts e in both.
//
// Because merging never takes anything back, what was once read of a study is
// still true for deciding that an instance adds nothing to it. So the common
// case, one more instance of a known series, is two updates and no question.
//
// It returns e under what was corrected of the study.
func (a *Archive) place(ctx context.Context, tx *db.Tx, e *entry) (place, *entry, error) {
	s, ok := a.known.get(e)
	if right := s.overlays.entry(e); ok && s.covers(right) {
		n, err := tx.Exec(ctx, countKnown, s.study, e.ref.Length, e.at, s.overlays.digest())
		if err == nil && n == 1 {
			n, err = tx.Exec(ctx, countSeries, s.series, e.ref.Length, e.at)
		}
		if err == nil && n == 0 {
			err = errStale
		}
		return s, right, err
	}
	s = place{}
	var err error
	if s.overlays, err = overlaysOf(ctx, tx, e.site, e.study.String()); err != nil {
		return s, e, err
	}
	e = s.overlays.entry(e)
	if err := a.studyOf(ctx, tx, e, &s); err != nil {
		return s, e, err
	}
	if err := a.seriesOf(ctx, tx, e, &s); err != nil {
		return s, e, err
	}
	return s, e, nil
}

// covers reports whether e says nothing about study and series that s does not.
func (s *place) covers(e *entry) bool {
	return (e.coerced == "" || s.overlays.coercions[e.coerced] != nil) &&
		slices.Equal(s.ofStudy, merge(s.ofStudy, e.ofStudy)) &&
		slices.Equal(s.ofSeries, merge(s.ofSeries, e.ofSeries)) &&
		slices.Equal(s.patient, mergePatient(s.patient, e.patient)) &&
		(s.differs || !disagree(s.patient, e.patient)) &&
		(s.varies || !varies(s.patient, s.ofStudy, e.patient, e.ofStudy)) &&
		(e.person() == "" || slices.Contains(s.persons, e.person())) &&
		same(s.seriesNumber, smaller(s.seriesNumber, e.seriesNumber))
}

// studyOf finds or makes the study, counts e in it, which keeps others from
// changing it until the end of the transaction, and adds what e says about it.
func (a *Archive) studyOf(ctx context.Context, tx *db.Tx, e *entry, s *place) error {
	made, err := tx.Exec(ctx, insertStudy, args(db.NewID(), e.site, e.study.String(), e.patient, e.ofStudy, folds(e.patient, e.ofStudy),
		false, "", 0, 0, 0, e.at, e.at, s.overlays.digest())...)
	if err != nil {
		return err
	}
	s.told = made > 0
	uid := e.study.String()
	if err := tx.QueryRow(ctx, `select id from study where site_id = $1 and study_uid = $2`, e.site, uid).Scan(&s.study); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, countStudy, s.study, e.ref.Length, e.at); err != nil {
		return err
	}
	texts, corrected := make([]string, len(studyTexts)), ""
	if err := tx.QueryRow(ctx, selectStudyState, e.site, uid).Scan(targets(texts, &s.study, &s.differs, &s.varies, &corrected)...); err != nil {
		return err
	}
	if corrected != s.overlays.digest() {
		return errStale
	}
	if err := s.coerce(ctx, tx, e); err != nil {
		return err
	}
	if who := e.person(); who != "" {
		n, err := tx.Exec(ctx, insertPerson, e.site, who, s.study)
		if err != nil {
			return err
		}
		s.persons, s.newPerson = []string{who}, n > 0
		if s.newPerson && a.Arrived != nil {
			if err := a.Arrived(ctx, tx, access.Person{Site: e.site, ID: who}); err != nil {
				return err
			}
		}
	}
	patient, ofStudy := texts[:len(patientColumns)], texts[len(patientColumns):]
	s.newDispute = !s.differs && disagree(patient, e.patient)
	s.differs = s.differs || s.newDispute
	newly := !s.varies && varies(patient, ofStudy, e.patient, e.ofStudy)
	s.varies = s.varies || newly
	s.patient, s.ofStudy = mergePatient(patient, e.patient), merge(ofStudy, e.ofStudy)
	alike := slices.Equal(s.patient, patient) && slices.Equal(s.ofStudy, ofStudy)
	if !s.newDispute && !newly && alike {
		return nil
	}
	s.told = s.told || s.newDispute || !alike
	_, err = tx.Exec(ctx, updateStudy, args(s.study, s.patient, s.ofStudy, folds(s.patient, s.ofStudy), s.differs, s.varies)...)
	return err
}

// coerce notes that an instance of the study came under a version that none did before.
func (s *place) coerce(ctx context.Context, tx *db.Tx, e *entry) error {
	if e.coerced == "" || s.overlays.coercions[e.coerced] != nil {
		return nil
	}
	c, err := one(ctx, tx, scanCoercion, "coercion", fromCoercion+`where id = $1`, e.coerced)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into coerced_study (site_id, study_uid, coercion) values ($1, $2, $3) on conflict do nothing`, e.site, e.study.String(), c.ID)
	if err != nil {
		return err
	}
	s.overlays = s.overlays.with(&c)
	for _, u := range s.overlays.family {
		if _, err := tx.Exec(ctx, `update study set corrected = $3 where site_id = $1 and study_uid = $2`, e.site, u, s.overlays.digest()); err != nil {
			return err
		}
	}
	return nil
}

// seriesOf does the same with the series.
func (a *Archive) seriesOf(ctx context.Context, tx *db.Tx, e *entry, s *place) error {
	made, err := tx.Exec(ctx, insertSeries, args(db.NewID(), e.site, s.study, e.series.String(), e.ofSeries,
		nullable(e.seriesNumber), "", 0, 0, e.at, e.at)...)
	if err != nil {
		return err
	}
	s.fresh = made > 0
	texts := make([]string, len(seriesTexts))
	if err := tx.QueryRow(ctx, selectSeriesState, s.study, e.series.String()).Scan(targets(texts, &s.series, &s.machine, &s.seriesNumber)...); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, countSeries, s.series, e.ref.Length, e.at); err != nil {
		return err
	}
	had, number := texts[seriesModality], s.seriesNumber
	s.ofSeries, s.seriesNumber = merge(texts, e.ofSeries), smaller(number, e.seriesNumber)
	if !slices.Equal(s.ofSeries, texts) || !same(number, s.seriesNumber) {
		if _, err := tx.Exec(ctx, updateSeries, args(s.series, s.ofSeries, nullable(s.seriesNumber))...); err != nil {
			return err
		}
	}
	if s.fresh {
		if err := a.learn(ctx, tx, e, s); err != nil {
			return err
		}
	}
	if s.fresh || had != s.ofSeries[seriesModality] {
		s.told = true
		return s.summarise(ctx, tx)
	}
	return nil
}

// noteDue notes what is to be prepared: the words of a study that says something new, the
// metadata of a new series.
func (a *Archive) noteDue(ctx context.Context, tx *db.Tx, e *entry, s place) error {
	if s.fresh {
		if err := a.dueIn(ctx, tx, "series", s.series, e.site); err != nil {
			return err
		}
	}
	if s.told {
		return a.dueIn(ctx, tx, "study", s.study, e.site)
	}
	return nil
}

// learn asks which machine made the series.
func (a *Archive) learn(ctx context.Context, tx *db.Tx, e *entry, s *place) error {
	if a.Machines == nil {
		return nil
	}
	of := map[string]string{}
	for i, c := range seriesColumns {
		of[c.name] = e.ofSeries[i]
	}
	id, err := a.Machines.Seen(ctx, tx, Equipment{
		Site: e.site, CallingAE: e.callingAE, Modality: of["modality"],
		Manufacturer: of["manufacturer"], Model: of["model_name"], SerialNumber: of["device_serial_number"],
		StationName: of["station_name"], Institution: of["institution_name"], Department: of["department_name"],
		SoftwareVersions: of["software_versions"],
	})
	if err != nil || id == "" {
		return err
	}
	s.machine = id
	_, err = tx.Exec(ctx, `update series set machine = $2 where id = $1`, s.series, id)
	return err
}

// summarise writes what the study says about its series.
func (s *place) summarise(ctx context.Context, tx *db.Tx) error {
	list, err := db.List(ctx, tx, func(r *db.Rows) (m string, err error) { return m, r.Scan(&m) }, modalities, s.study)
	if err != nil {
		return err
	}
	text := ""
	if len(list) > 0 {
		text = `\` + strings.Join(list, `\`) + `\`
	}
	_, err = tx.Exec(ctx, summarise, s.study, text)
	return err
}

// folds returns the columns of studyFolds.
func folds(patient, ofStudy []string) []string {
	name, other := FoldName(patient[patientName])
	referring, _ := FoldName(ofStudy[studyReferring])
	return []string{clip(name), clip(other), clip(referring), clip(Fold(ofStudy[studyDescription])), personOf(patient)}
}

// targets returns where to scan some values and then the texts.
func targets(texts []string, first ...any) []any {
	for i := range texts {
		first = append(first, &texts[i])
	}
	return first
}

func smaller(a, b *int64) *int64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func same(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// stored returns what the journal says about a new instance. The first of a study
// that names a person carries, encrypted, the identifier itself.
func (e *entry) stored(id string, s place) journal.Entry {
	entry := e.journalled("archive.instance.stored", map[string]any{
		"instance": id, "modality": s.ofSeries[seriesModality], "machine": s.machine,
		"transfer_syntax": e.syntax, "length": e.ref.Length, "sha256": hex.EncodeToString(e.ref.SHA256[:]),
		"irradiation_events": e.events, "patients_differ": s.newDispute,
	})
	if s.newPerson {
		entry.Payload = encode(map[string]any{"person": e.person(), "issuer": e.patient[patientIssuer], "patient_id": e.patient[patientID]})
	}
	return entry
}

// person returns whom the instance is about, as the other rooms name the person.
func (e *entry) person() string { return personOf(e.patient) }

// personOf returns the person of the columns of a patient.
func personOf(patient []string) string { return Person(patient[patientIssuer], patient[patientID]) }

// encode returns data as JSON.
func encode(data map[string]any) json.RawMessage {
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err) // texts, numbers and UIDs
	}
	return raw
}

// journalled returns an entry about e with what all such entries say. It holds no
// personal data but the person, whom the journal keeps apart.
func (e *entry) journalled(kind string, data map[string]any) journal.Entry {
	data["study"], data["series"], data["sop_class"] = e.study, e.series, e.class
	data["door"], data["calling_ae"] = e.door, e.callingAE
	return journal.Entry{Site: e.site, Actor: e.actor, Kind: kind, Subject: e.sop.String(), Data: encode(data), Person: e.person()}
}

// known remembers places of series that instances were added to lately.
type known struct {
	mu sync.Mutex
	of map[seriesKey]place
}

type seriesKey struct {
	site          string
	study, series uid.UID
}

// maxKnown bounds what is remembered; there is no harm in forgetting.
const maxKnown = 4096

func (e *entry) key() seriesKey { return seriesKey{e.site, e.study, e.series} }

func (k *known) get(e *entry) (place, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.of[e.key()]
	return s, ok
}

func (k *known) put(e *entry, s place) {
	s.newDispute, s.fresh, s.newPerson, s.told = false, false, false, false
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil || len(k.of) >= maxKnown {
		k.of = map[seriesKey]place{}
	}
	k.of[e.key()] = s
}

// clear forgets everything.
func (k *known) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.of = nil
}

func (k *known) forget(e *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.of, e.key())
}
