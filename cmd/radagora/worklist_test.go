package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/site"
	"radagora/worklist"
)

// A ward is a house with its DICOM door open and a worklist in it.
type ward struct {
	t    *testing.T
	h    *house
	ctx  context.Context
	addr string
}

// open opens a ward in which machines need not be known.
func openWard(t *testing.T) *ward {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	sys := &system{Out: io.Discard, Err: io.Discard, Log: logging{Format: "text"}.logger(io.Discard), Now: time.Now}
	s := settings{Data: t.TempDir(), AE: "RADAGORA", HTTP: "127.0.0.1:8080", DICOM: "127.0.0.1:0", NoAuth: true}
	h, err := s.open(ctx, sys)
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ended := make(chan error, 2)
	go func() { ended <- h.background(ctx) }()
	go func() {
		ended <- h.dicomServer(s, newDoorman(h, true, nil), &watch{}, newMetrics(h), nil).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		check(t, errors.Join(<-ended, <-ended, h.Close()))
	})
	who, err := h.Users.Who(ctx, access.Local)
	check(t, err)
	check(t, h.Sites.SetPeer(ctx, access.Local, anyPeer("CT1", "127.0.0.1")))
	return &ward{t, h, access.With(openly(ctx, h), who), l.Addr().String()}
}

// order keeps an order; fields are accession number, name, patient id, modality,
// station and start.
func (w *ward) order(fields ...string) worklist.Order {
	w.t.Helper()
	o, _, err := w.h.Worklist.Create(w.ctx, worklist.Request{Origin: worklist.FromAPI, Order: worklist.Order{
		Accession: fields[0], Patient: worklist.Patient{Name: fields[1], ID: fields[2], Sex: "F", BirthDate: "1970-02-03"},
		Description: "Examination " + fields[0],
		Steps:       []worklist.Step{{Modality: fields[3], Stations: []string{fields[4]}, Start: fields[5], PerformingPhysician: "Reader^Rita"}},
	}})
	check(w.t, err)
	return o
}

// fill puts the same entries into our worklist and into a folder for wlmscpfs.
func (w *ward) fill(folder string) {
	day := w.h.Now().Format(time.DateOnly)
	for _, f := range [][]string{
		{"A1", "Mueller^Jon", "1", "CT", "CT1", day + "T09:30:00"},
		{"A2", "Muellermann^Ann", "2", "CT", "CT2", day + "T18:00:00"},
		{"A3", "Smith^John^Paul", "30", "MR", "MR1", day + "T08:00:00"},
		{"A4", "Smithers^Jo", "31", "US", "US1", day + "T23:59:00"},
	} {
		w.order(f...)
	}
	keys, err := dicom.NewBuilder().Text(tag.AccessionNumber).Dataset()
	check(w.t, err)
	for a, err := range w.h.Worklist.Find(w.ctx, site.Default, worklist.Asked{Keys: whole(w.t, keys), Caller: "X"}) {
		check(w.t, err)
		f, err := os.Create(filepath.Join(folder, a.Dataset.Text(tag.AccessionNumber)+".wl"))
		check(w.t, err)
		// what a worklist file of dcmtk has besides
		ds, err := dicom.Edit(a.Dataset).UID(tag.SOPClassUID, uid.ModalityWorklistInformationModelFind).UID(tag.SOPInstanceUID, uid.Must("1.2.3")).Dataset()
		check(w.t, err)
		check(w.t, errors.Join(dicom.WriteFile(f, ds, uid.ExplicitVRLittleEndian), f.Close()))
	}
	check(w.t, os.WriteFile(filepath.Join(folder, "lockfile"), nil, 0o600))
}

// whole adds to keys everything that a worklist has to return (PS3.4 Table K.6-1).
func whole(t *testing.T, keys *dicom.Dataset) *dicom.Dataset {
	t.Helper()
	step := dicom.NewBuilder().Text(tag.ScheduledStationAETitle).Text(tag.ScheduledProcedureStepStartDate).
		Text(tag.ScheduledProcedureStepStartTime).Text(tag.Modality).Text(tag.ScheduledPerformingPhysicianName).
		Text(tag.ScheduledProcedureStepDescription).Text(tag.ScheduledStationName).Text(tag.ScheduledProcedureStepLocation).
		Text(tag.ScheduledProcedureStepID)
	b := dicom.Edit(keys).Sequence(tag.ScheduledProcedureStepSequence, step)
	for _, tg := range []tag.Tag{
		tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.PatientWeight, tag.RequestedProcedureID,
		tag.RequestedProcedureDescription, tag.StudyInstanceUID, tag.RequestedProcedurePriority, tag.RequestingPhysician, tag.ReferringPhysicianName,
	} {
		b.Text(tg)
	}
	ds, err := b.Dataset()
	check(t, err)
	return ds
}

// findscu asks with dcmtk and returns the accession numbers and names of the answers.
func findscu(t *testing.T, addr, called string, keys ...string) []string {
	t.Helper()
	path, err := exec.LookPath("findscu")
	if err != nil {
		t.Skip("findscu not found: install dcmtk")
	}
	dir := t.TempDir()
	host, port, err := net.SplitHostPort(addr)
	check(t, err)
	args := []string{"-W", "-X", "-od", dir, "-aet", "CT1", "-aec", called, "-k", "0008,0050", "-k", "0010,0010", "-k", "0010,0020"}
	for _, k := range keys {
		args = append(args, "-k", k)
	}
	if out, err := exec.CommandContext(t.Context(), path, append(args, host, port)...).CombinedOutput(); err != nil {
		t.Fatalf("findscu %v: %v\n%s", keys, err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.dcm"))
	check(t, err)
	all := []string{}
	for _, name := range files {
		f, err := os.Open(name)
		check(t, err)
		ds, err := dicom.Read(f, nil)
		check(t, errors.Join(err, f.Close()))
		all = append(all, ds.Text(tag.AccessionNumber)+" "+ds.Text(tag.PatientName))
	}
	slices.Sort(all)
	return all
}

// TestWorklistBesideDcmtk asks us and dcmtk's own worklist server, which have the same
// entries, the same questions.
func TestWorklistBesideDcmtk(t *testing.T) {
	t.Parallel()
	server, err := exec.LookPath("wlmscpfs")
	if err != nil {
		t.Skip("wlmscpfs not found: install dcmtk")
	}
	w := openWard(t)
	folder := t.TempDir()
	check(t, os.Mkdir(filepath.Join(folder, "PEER"), 0o700))
	w.fill(filepath.Join(folder, "PEER"))
	port := freePort(t)
	peer := exec.CommandContext(t.Context(), server, "-dfp", folder, port)
	check(t, peer.Start())
	t.Cleanup(func() { _ = peer.Process.Kill(); _ = peer.Wait() })
	theirs := "127.0.0.1:" + port
	reachable(t, theirs)
	day := w.h.Now().Format("20060102")
	const step = "(0040,0100)[0]."
	for _, c := range []struct {
		name string
		keys []string
		n    int      // answers
		own  []string // what we answer, where dcmtk answers something else
	}{
		{"everything", []string{step + "0008,0060="}, 4, nil},
		{"a modality", []string{step + "0008,0060=CT"}, 2, nil},
		{"a station", []string{step + "0040,0001=CT2"}, 1, nil},
		{"nobody's station", []string{step + "0040,0001=XA9"}, 0, nil},
		{"a day", []string{step + "0040,0002=" + day}, 4, nil},
		{"days until", []string{step + "0040,0002=-" + day}, 4, nil},
		{"another day", []string{step + "0040,0002=19990101"}, 0, nil},
		{"one day and hours of it", []string{step + "0040,0002=" + day, step + "0040,0003=080000-120000"}, 2, nil},
		{"the beginning of a name", []string{"0010,0010=Smith*"}, 2, nil},
		{"one letter unknown", []string{"0010,0010=Smith?rs^Jo"}, 1, nil},
		{"a name in full", []string{"0010,0010=Mueller^Jon"}, 1, nil},
		{"patient id", []string{"0010,0020=30"}, 1, nil},
		{"patient id by wildcard", []string{"0010,0020=3*"}, 2, []string{"A3 Smith^John^Paul", "A4 Smithers^Jo"}},
		{"performing physician", []string{step + "0040,0006=Reader*"}, 4, nil},
		{"accession number", []string{"0008,0050=A3"}, 1, nil},
		{"several keys", []string{"0010,0010=Smith*", step + "0008,0060=US"}, 1, nil},
		{"names without case", []string{"0010,0010=SMITH*"}, 2, []string{"A3 Smith^John^Paul", "A4 Smithers^Jo"}},
		{"a family name alone", []string{"0010,0010=Smith"}, 1, []string{"A3 Smith^John^Paul"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.own
			if want == nil {
				want = findscu(t, theirs, "PEER", c.keys...)
			}
			if len(want) != c.n {
				t.Errorf("dcmtk answers %v; want %d answers", want, c.n)
			}
			if diff := cmp.Diff(want, findscu(t, w.addr, "RADAGORA", c.keys...)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

// freePort returns a port that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	check(t, errors.Join(err, l.Close()))
	return port
}

// reachable waits until somebody answers at an address.
func reachable(t *testing.T, addr string) {
	t.Helper()
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			check(t, c.Close())
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("nobody answers at %s", addr)
}

// dial opens an association as a machine.
func (w *ward) dial(classes ...uid.UID) *dimse.Association {
	w.t.Helper()
	config := dimse.Config{Calling: "CT1", Called: "RADAGORA", Now: time.Now}
	for _, c := range classes {
		config.Propose = append(config.Propose, dimse.Proposal{SOPClass: c, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}})
	}
	a, err := dimse.Dial(w.t.Context(), w.addr, config)
	check(w.t, err)
	w.t.Cleanup(a.Abort)
	return a
}

// TestMachineDay is what a machine does with one entry: it asks, says that it begins,
// sends what it made, and says that it is done; the study is complete then.
func TestMachineDay(t *testing.T) {
	w := openWard(t)
	o := w.order("A1", "Muster^Anna", "1", "CT", "CT1", w.h.Now().Format("2006-01-02T15:04:05"))
	a := w.dial(uid.ModalityWorklistInformationModelFind, uid.ModalityPerformedProcedureStep, uid.ModalityPerformedProcedureStepRetrieve)
	keys, err := dicom.NewBuilder().Text(tag.PatientName).Text(tag.StudyInstanceUID).Text(tag.EthnicGroup).Sequence(tag.ScheduledProcedureStepSequence,
		dicom.NewBuilder().Text(tag.ScheduledStationAETitle, "CT1").Text(tag.ScheduledProcedureStepID)).Dataset()
	check(t, err)
	var entry *dicom.Dataset
	for ds, err := range a.Find(t.Context(), uid.ModalityWorklistInformationModelFind, keys) {
		check(t, err)
		entry = ds
	}
	if entry == nil || entry.Text(tag.StudyInstanceUID) != o.Study || entry.Has(tag.EthnicGroup) {
		t.Fatal("the worklist does not offer what was ordered")
	}
	step := entry.Item(tag.ScheduledProcedureStepSequence)
	begin, err := dicom.NewBuilder().Sequence(tag.ScheduledStepAttributesSequence, dicom.NewBuilder().
		Text(tag.StudyInstanceUID, o.Study).Text(tag.ScheduledProcedureStepID, step.Text(tag.ScheduledProcedureStepID))).
		Text(tag.PatientName, "Muster^Anna").Text(tag.PatientID, "1").Text(tag.Modality, "CT").Text(tag.PerformedStationAETitle, "CT1").
		Text(tag.PerformedProcedureStepID, "P1").Text(tag.PerformedProcedureStepStatus, "IN PROGRESS").
		Text(tag.PerformedProcedureStepStartDate, "20261122").Text(tag.PerformedProcedureStepStartTime, "100000").Dataset()
	check(t, err)
	mpps, sop := uid.ModalityPerformedProcedureStep, uid.Must("1.2.3.4.5")
	do := func(op dimse.Operation, ds *dicom.Dataset) (dimse.Status, *dimse.Reply) {
		t.Helper()
		r, err := a.Do(t.Context(), &dimse.Request{Operation: op, SOPClass: mpps, SOPInstance: sop, Dataset: ds})
		status, err := answeredAs(r, err)
		check(t, err)
		return status, r
	}
	if s, _ := do(dimse.NCreate, begin); s != dimse.Success {
		t.Fatalf("N-CREATE: %v", s)
	}
	if s, _ := do(dimse.NCreate, begin); s != dimse.DuplicateInstance {
		t.Errorf("N-CREATE again: %v; want %v", s, dimse.DuplicateInstance)
	}
	image := sendImage(t, w.addr, o.Study)
	series := dicom.NewBuilder().Text(tag.ProtocolName, "P").Text(tag.SeriesInstanceUID, "1.2.3.9").Sequence(tag.ReferencedImageSequence,
		dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, uid.SecondaryCaptureImageStorage).UID(tag.ReferencedSOPInstanceUID, image))
	end, err := dicom.NewBuilder().Text(tag.PerformedProcedureStepStatus, "COMPLETED").Text(tag.PerformedProcedureStepEndDate, "20261122").
		Text(tag.PerformedProcedureStepEndTime, "100500").Sequence(tag.PerformedSeriesSequence, series).Dataset()
	check(t, err)
	if s, _ := do(dimse.NSet, end); s != dimse.Success {
		t.Fatalf("N-SET: %v", s)
	}
	_, err = a.Do(t.Context(), &dimse.Request{Operation: dimse.NSet, SOPClass: mpps, SOPInstance: sop, Dataset: end})
	if e, ok := errors.AsType[*dimse.StatusError](err); !ok || e.Status != dimse.ProcessingFailure || e.ID != mayNotBeUpdated {
		t.Errorf("N-SET of what is done: %v; want %v with error id %04x", err, dimse.ProcessingFailure, mayNotBeUpdated)
	}
	r, err := a.Do(t.Context(), &dimse.Request{
		Operation: dimse.NGet, Context: uid.ModalityPerformedProcedureStepRetrieve, SOPClass: uid.ModalityPerformedProcedureStepRetrieve, SOPInstance: sop,
		Attributes: []tag.Tag{tag.PerformedProcedureStepStatus},
	})
	check(t, err)
	if r.Dataset.Text(tag.PerformedProcedureStepStatus) != "COMPLETED" || r.Dataset.Has(tag.PatientName) {
		t.Error("N-GET does not return what was asked for")
	}
	w.eventually("the study is complete", func() bool {
		list, err := w.h.Worklist.StudyStates(w.ctx, site.Default, worklist.StudyFilter{Study: o.Study})
		check(t, err)
		return len(list) == 1 && list[0].Complete.Reason == worklist.Performed && list[0].Match == worklist.Matched && list[0].Order == o.ID
	})
	now, err := w.h.Worklist.Get(w.ctx, site.Default, o.ID)
	check(t, err)
	if now.Steps[0].State != worklist.Completed {
		t.Errorf("step %s; want completed", now.Steps[0].State)
	}
}

// answeredAs returns the status of a reply, or that in an error of the peer's.
func answeredAs(r *dimse.Reply, err error) (dimse.Status, error) {
	if err == nil {
		return r.Status, nil
	}
	return answered(err)
}

// eventually waits until something is so.
func (w *ward) eventually(what string, so func() bool) {
	w.t.Helper()
	for range 1200 {
		if so() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	w.t.Fatalf("%s: not after half a minute", what)
}

// sendImage stores a small object of a study and returns its UID.
func sendImage(t *testing.T, addr, study string) uid.UID {
	t.Helper()
	class, sop := uid.SecondaryCaptureImageStorage, uid.Must("1.2.3.9.1")
	ds, err := dicom.NewBuilder().UID(tag.SOPClassUID, class).UID(tag.SOPInstanceUID, sop).Text(tag.StudyInstanceUID, study).
		Text(tag.SeriesInstanceUID, "1.2.3.9").Text(tag.Modality, "CT").Text(tag.PatientID, "1").Text(tag.PatientName, "Muster^Anna").Dataset()
	check(t, err)
	var b strings.Builder
	check(t, dicom.Write(&b, ds, uid.ImplicitVRLittleEndian))
	a, err := dimse.Dial(t.Context(), addr, dimse.Config{
		Calling: "CT1", Called: "RADAGORA", Now: time.Now,
		Propose: []dimse.Proposal{{SOPClass: class, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}}},
	})
	check(t, err)
	defer a.Abort()
	status, err := a.Store(t.Context(), dimse.Outgoing{SOPClass: class, SOPInstance: sop, TransferSyntax: uid.ImplicitVRLittleEndian, Data: strings.NewReader(b.String())})
	if err != nil || status != dimse.Success {
		t.Fatalf("C-STORE: %v, %v", status, err)
	}
	return sop
}

// Identifiers of somebody who means harm are answered, and the next asker too.
func TestHostileIdentifiers(t *testing.T) {
	w := openWard(t)
	w.order("A1", "Muster^Anna", "1", "CT", "CT1", w.h.Now().Format("2006-01-02T15:04:05"))
	long := strings.Repeat("*", 64)
	deep := dicom.NewBuilder().Text(tag.Modality, "CT")
	for range 30 {
		deep = dicom.NewBuilder().Sequence(tag.ScheduledProcedureStepSequence, deep)
	}
	wide := dicom.NewBuilder()
	var items []*dicom.Builder
	for range 500 {
		items = append(items, dicom.NewBuilder().Text(tag.Modality, "CT"))
	}
	wide.Sequence(tag.ScheduledProcedureStepSequence, items...)
	for name, c := range map[string]struct {
		b    *dicom.Builder
		want dimse.Status
	}{
		"many asterisks":         {dicom.NewBuilder().Text(tag.PatientName, long), dimse.Success},
		"nested deeply":          {deep, dimse.CannotUnderstand},
		"many items":             {wide, dimse.ClassMismatch},
		"nothing at all":         {dicom.NewBuilder().Text(tag.PatientID), dimse.Success},
		"quotes":                 {dicom.NewBuilder().Text(tag.PatientID, `' or '1'='1`), dimse.Success},
		"a sequence as a string": {dicom.NewBuilder().TextAs(0x00400101, tag.VROf(tag.PatientID), "x"), dimse.Success},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := c.b.Dataset()
			check(t, err)
			a := w.dial(uid.ModalityWorklistInformationModelFind)
			status := dimse.Success
			for _, e := range a.Find(t.Context(), uid.ModalityWorklistInformationModelFind, ds) {
				if e != nil {
					status, err = answered(e)
					check(t, err)
				}
			}
			if status != c.want {
				t.Errorf("status %v; want %v", status, c.want)
			}
		})
	}
}
