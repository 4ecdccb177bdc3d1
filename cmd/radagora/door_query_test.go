package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/journal"
	"radagora/site"
)

// A library is a house with its DICOM door open to those who are known, and somebody
// to send to.
type library struct {
	*testing.T
	h     *house
	ctx   context.Context
	data  string
	addr  string
	stop  func()
	there *recipient

	settings settings
}

// A recipient is a peer that takes objects and hears of commitments.
type recipient struct {
	mu     sync.Mutex
	got    map[uid.UID]uid.UID // transfer syntax by instance
	events chan *dimse.Request
}

// Store implements dimse.Storer.
func (r *recipient) Store(_ context.Context, in *dimse.Incoming) (func(context.Context) error, error) {
	_, err := io.Copy(io.Discard, in.Data)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[in.SOPInstance] = in.TransferSyntax
	return nil, err
}

// Do implements dimse.Normal.
func (r *recipient) Do(_ context.Context, q *dimse.Request) (*dimse.Reply, error) {
	r.events <- q
	return nil, nil
}

func (r *recipient) take() map[uid.UID]uid.UID {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = map[uid.UID]uid.UID{}
	return got
}

// newRecipient opens a recipient, and returns its port.
func newRecipient(t *testing.T, contexts dimse.Contexts) (*recipient, int) {
	t.Helper()
	r := &recipient{got: map[uid.UID]uid.UID{}, events: make(chan *dimse.Request, 9)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := &dimse.Server{
		AETitle: "THERE", Now: time.Now, Store: r, Contexts: contexts, Limits: dimse.Limits{Grace: time.Millisecond},
		Events: map[uid.UID]dimse.Normal{uid.StorageCommitmentPushModel: r},
	}
	go func() { ended <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		check(t, <-ended)
	})
	_, port, err := net.SplitHostPort(l.Addr().String())
	check(t, err)
	n, err := strconv.Atoi(port)
	check(t, err)
	return r, n
}

// openLibrary opens a library on a folder, "" for a new one.
func openLibrary(t *testing.T, data string) *library {
	t.Helper()
	return openLibraryWith(t, settings{Data: data})
}

// openLibrarySecure opens one whose door, and whose own calls, are over TLS with
// certificates of an authority on both sides; nil is without.
func openLibrarySecure(t *testing.T, a *authority) *library {
	t.Helper()
	var s settings
	if a != nil {
		s.TLSCert, s.TLSKey, _ = a.issue("us")
		s.TLSClientCA = a.folder + "/ca.pem"
	}
	return openLibraryWith(t, s)
}

// openLibraryWith opens one with settings of TLS and a folder.
func openLibraryWith(t *testing.T, s settings) *library {
	t.Helper()
	if s.Data == "" {
		s.Data = t.TempDir()
	}
	data := s.Data
	ctx, cancel := context.WithCancel(context.Background())
	sys := &system{Out: io.Discard, Err: io.Discard, Log: logging{Format: "text"}.logger(io.Discard), Now: time.Now}
	s.AE, s.HTTP, s.DICOM = "RADAGORA", "127.0.0.1:8080", "127.0.0.1:0"
	h, err := s.open(ctx, sys)
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	ended := make(chan error, 2)
	b := &library{T: t, h: h, ctx: ctx, data: data, addr: l.Addr().String(), settings: s}
	var port int
	b.there, port = newRecipient(t, dimse.Contexts{})
	for _, p := range []site.Peer{
		{AETitle: "KNOWN", Addresses: []string{"127.0.0.1"}},
		{AETitle: "LIMITED", Addresses: []string{"127.0.0.1"}, State: site.Limited},
		{AETitle: "OLD", Host: "127.0.0.1", Port: 1, State: site.Blocked},
		{AETitle: "MUTE", Addresses: []string{"127.0.0.1"}},
		{AETitle: "CLOSED", Host: "127.0.0.1", Port: 1},
		{AETitle: "THERE", Host: "127.0.0.1", Port: port},
	} {
		check(t, h.Sites.SetPeer(ctx, access.Local, p))
	}
	go func() { ended <- h.background(ctx) }()
	var secure *tls.Config
	if h.secure.own != nil {
		secure = h.secure.own.config(h.secure.authorities, true)
	}
	go func() {
		ended <- h.dicomServer(s, newDoorman(h, false, nil), &watch{}, newMetrics(h), secure).Serve(ctx, l)
	}()
	b.stop = sync.OnceFunc(func() {
		cancel()
		check(t, errors.Join(<-ended, <-ended))
	})
	t.Cleanup(func() {
		b.stop()
		check(t, h.Close())
	})
	return b
}

// as opens an association as a peer.
func (b *library) as(title string, store dimse.Storer, classes ...uid.UID) *dimse.Association {
	b.Helper()
	config := dimse.Config{Calling: title, Called: "RADAGORA", Now: time.Now, Store: store}
	for _, c := range classes {
		config.Propose = append(config.Propose, dimse.Proposal{SOPClass: c, Syntaxes: []uid.UID{uid.ExplicitVRLittleEndian}})
	}
	if store != nil {
		config.Propose = append(config.Propose, dimse.Proposal{SOPClass: imageClass, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}})
		config.Roles = []dimse.Role{{SOPClass: imageClass, SCP: true}}
	}
	a, err := dimse.Dial(b.Context(), b.addr, config)
	check(b.T, err)
	b.Cleanup(a.Abort)
	return a
}

var imageClass = uid.SecondaryCaptureImageStorage

// image is a small image, number n of its series, announced as class.
func (b *library) image(patient string, study, n int, class uid.UID) dimse.Status {
	b.Helper()
	ds, err := dicom.NewBuilder().UID(tag.SOPClassUID, imageClass).Text(tag.SOPInstanceUID, fmt.Sprintf("1.2.3.%d.1.%d", study, n)).
		Text(tag.StudyInstanceUID, fmt.Sprintf("1.2.3.%d", study)).Text(tag.SeriesInstanceUID, fmt.Sprintf("1.2.3.%d.1", study)).
		Text(tag.Modality, "OT").Text(tag.PatientID, patient).Text(tag.PatientName, "Müller^Änne").Text(tag.StudyDate, "20260102").
		Int(tag.InstanceNumber, int64(n)).Int(tag.Rows, 2).Int(tag.Columns, 2).Int(tag.BitsAllocated, 8).Int(tag.BitsStored, 8).
		Int(tag.HighBit, 7).Int(tag.PixelRepresentation, 0).Int(tag.SamplesPerPixel, 1).Text(tag.PhotometricInterpretation, "MONOCHROME2").
		Bytes(tag.PixelData, 0x4f57, []byte{1, 2, 3, 4}).Dataset()
	check(b.T, err)
	var data bytes.Buffer
	check(b.T, dicom.Write(&data, ds, uid.ExplicitVRLittleEndian))
	a := b.as("LIMITED", nil, class)
	status, err := a.Store(b.Context(), dimse.Outgoing{
		SOPClass: class, SOPInstance: ds.UID(tag.SOPInstanceUID), TransferSyntax: uid.ExplicitVRLittleEndian, Data: &data,
	})
	check(b.T, err)
	check(b.T, a.Release(b.Context()))
	return status
}

// fill stores two studies of one person and one of another.
func (b *library) fill() {
	b.Helper()
	for study, patient := range map[int]string{1: "P1", 2: "P1", 3: "P2"} {
		for n := range 3 {
			if status := b.image(patient, study, n+1, imageClass); status != dimse.Success {
				b.Fatalf("store: %v", status)
			}
		}
	}
}

// askFor makes an identifier: pairs of keyword and value.
func askFor(t *testing.T, level string, more ...any) *dicom.Dataset {
	t.Helper()
	d := dicom.NewBuilder().Text(tag.QueryRetrieveLevel, level)
	for i := 0; i < len(more); i += 2 {
		if v, _ := more[i+1].(string); v != "" {
			d.Text(more[i].(tag.Tag), strings.Split(v, `\`)...)
		} else {
			d.Text(more[i].(tag.Tag))
		}
	}
	ds, err := d.Dataset()
	check(t, err)
	return ds
}

var (
	patientFind = uid.PatientRootQueryRetrieveInformationModelFind
	studyFind   = uid.StudyRootQueryRetrieveInformationModelFind
	studyMove   = uid.StudyRootQueryRetrieveInformationModelMove
	studyGet    = uid.StudyRootQueryRetrieveInformationModelGet
	patientMove = uid.PatientRootQueryRetrieveInformationModelMove
)

// statusIn returns the status that an error of a peer holds.
func statusIn(err error) dimse.Status {
	if e, ok := errors.AsType[*dimse.StatusError](err); ok {
		return e.Status
	}
	return dimse.Success
}

func TestQueryDoor(t *testing.T) {
	b := openLibrary(t, "")
	b.fill()
	if status := b.image("P9", 9, 1, uid.CTImageStorage); status != dimse.ClassMismatch {
		t.Errorf("a data set of another class than announced: %v", status)
	}
	for _, c := range []struct {
		name, peer string
		class      uid.UID
		keys       *dicom.Dataset
		rows       int
		want       dimse.Status
	}{
		{"patients", "KNOWN", patientFind, askFor(t, "PATIENT", tag.PatientID, ""), 2, 0},
		{"studies of a person", "KNOWN", studyFind, askFor(t, "STUDY", tag.PatientID, "P1"), 2, 0},
		{"series", "KNOWN", studyFind, askFor(t, "SERIES", tag.StudyInstanceUID, "1.2.3.1", tag.SeriesInstanceUID, ""), 1, 0},
		{"images, without the keys above", "KNOWN", studyFind, askFor(t, "IMAGE", tag.SOPInstanceUID, `1.2.3.1.1.1\1.2.3.3.1.2`), 2, 0},
		{"nobody", "KNOWN", studyFind, askFor(t, "STUDY", tag.PatientID, "P7"), 0, 0},
		{"a level that the model has not", "KNOWN", studyFind, askFor(t, "PATIENT"), 0, dimse.ClassMismatch},
		{"no such level", "KNOWN", studyFind, askFor(t, "ROOM"), 0, dimse.ClassMismatch},
		{"who may only send", "LIMITED", studyFind, askFor(t, "STUDY"), 0, dimse.NotAuthorised},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := b.as(c.peer, nil, c.class)
			var rows int
			var err error
			for ds, e := range a.Find(t.Context(), c.class, c.keys) {
				if err = e; err != nil {
					break
				}
				if rows++; ds.Text(tag.RetrieveAETitle) != "RADAGORA" || ds.Text(tag.QueryRetrieveLevel) != c.keys.Text(tag.QueryRetrieveLevel) {
					t.Errorf("an answer without level or title")
				}
			}
			if rows != c.rows || statusIn(err) != c.want || c.want == 0 && err != nil {
				t.Errorf("%d rows, %v; want %d, %v", rows, err, c.rows, c.want)
			}
		})
	}
	a := b.as("KNOWN", nil, studyFind)
	for _, set := range []string{"ISO_IR 100", "ISO_IR 192", "ISO_IR 126"} {
		for ds, err := range a.Find(t.Context(), studyFind, askFor(t, "STUDY", tag.SpecificCharacterSet, set, tag.PatientName, "", tag.StudyInstanceUID, "1.2.3.1")) {
			check(t, err)
			want := set
			if set == "ISO_IR 126" { // Greek, which has no umlauts
				want = "ISO_IR 192"
			}
			if ds.Text(tag.PatientName) != "Müller^Änne" || ds.Text(tag.SpecificCharacterSet) != want {
				t.Errorf("asked in %s: answered in %s", set, ds.Text(tag.SpecificCharacterSet))
			}
		}
	}
	check(t, b.h.Reads.Flush(t.Context()))
	check(t, b.h.settle(t.Context()))
	asked, shown := map[string]int{}, 0
	for e, err := range b.h.Journal.Find(t.Context(), journal.Filter{Kinds: []string{"archive.study.find"}}) {
		check(t, err)
		var data journal.ReadData
		check(t, json.Unmarshal(e.Data, &data))
		if e.Actor != "ae:KNOWN" || data.Door != "dimse" {
			t.Errorf("asked by %s through %s", e.Actor, data.Door)
		}
		if e.PersonKey == "" {
			asked[data.Query] += data.Count
		} else {
			shown += data.Count
		}
	}
	// By PatientID one person and nobody, the series and the three by UID one each, the
	// images those of two studies.
	if want := map[string]int{"": 1, "PatientID": 2, "StudyInstanceUID": 4, "SOPInstanceUID": 1}; !maps.Equal(asked, want) {
		t.Errorf("the journal says that was asked by %v, want %v", asked, want)
	}
	if shown != 7 {
		t.Errorf("persons were shown %d times, want 7", shown)
	}
}

func TestRetrieveDoor(t *testing.T) {
	b := openLibrary(t, "")
	b.fill()
	for _, c := range []struct {
		name, peer, to string
		class          uid.UID
		keys           *dicom.Dataset
		n              int
		want           dimse.Status
	}{
		{"a study", "KNOWN", "THERE", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 3, 0},
		{"two studies, and a key that does not count", "KNOWN", "THERE", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, `1.2.3.1\1.2.3.3`, tag.StudyDate, "19000101"), 6, 0},
		{"a person", "KNOWN", "THERE", patientMove, askFor(t, "PATIENT", tag.PatientID, "P1"), 6, 0},
		{"one image", "KNOWN", "THERE", studyMove, askFor(t, "IMAGE", tag.SOPInstanceUID, "1.2.3.1.1.2"), 1, 0},
		{"nothing", "KNOWN", "THERE", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.99"), 0, 0},
		{"all persons there are", "KNOWN", "THERE", patientMove, askFor(t, "PATIENT", tag.PatientID, "*"), 0, dimse.ClassMismatch},
		{"no unique key", "KNOWN", "THERE", studyMove, askFor(t, "SERIES", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.ClassMismatch},
		{"to nobody", "KNOWN", "NOBODY", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.DestinationUnknown},
		{"to who cannot be called", "KNOWN", "MUTE", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.DestinationUnknown},
		{"to who is blocked", "KNOWN", "OLD", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.NotAuthorised},
		{"to who does not answer", "KNOWN", "CLOSED", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.CannotPerform},
		{"who may only send", "LIMITED", "THERE", studyMove, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.NotAuthorised},
		{"get", "KNOWN", "", studyGet, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 3, 0},
		{"get by who may only send", "LIMITED", "", studyGet, askFor(t, "STUDY", tag.StudyInstanceUID, "1.2.3.1"), 0, dimse.NotAuthorised},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p dimse.Progress
			var err error
			if c.to != "" {
				p, err = b.as(c.peer, nil, c.class).Move(t.Context(), c.class, c.to, c.keys, nil)
			} else {
				p, err = b.as(c.peer, b.there, c.class).Get(t.Context(), c.class, c.keys, nil)
			}
			got := b.there.take()
			if p.Status != c.want || p.Completed != c.n || len(got) != c.n || c.want == 0 && err != nil {
				t.Errorf("%+v, %v; %d arrived; want %d, %v", p, err, len(got), c.n, c.want)
			}
			for _, syntax := range got {
				if c.to == "" && syntax != uid.ImplicitVRLittleEndian { // all that it takes
					t.Errorf("came in %s", syntax)
				}
			}
		})
	}
	check(t, b.h.Reads.Flush(t.Context()))
	check(t, b.h.settle(t.Context()))
	b.stop()
	entries, err := journalled(b.h, "archive.object.read", "archive.object.send", "archive.study.find")
	check(t, err)
	for _, want := range []string{"archive.object.read ae:KNOWN 1.2.3.1", "archive.object.send ae:KNOWN 1.2.3.1", "archive.object.send ae:KNOWN 1.2.3.3"} {
		if !slices.Contains(entries, want) {
			t.Errorf("the journal has no %s; it has %q", want, entries)
		}
	}
}

// journalled returns the entries of some kinds: kind, actor, subject.
func journalled(h *house, kinds ...string) (out []string, err error) {
	for e, err := range h.Journal.Find(context.Background(), journal.Filter{Kinds: kinds}) {
		if err != nil {
			return nil, err
		}
		out = append(out, e.Kind+" "+e.Actor+" "+e.Subject)
	}
	return out, nil
}

// commitmentOf asks for three: one that is kept, one of another class, one that is not.
func commitmentOf(t *testing.T, transaction string) *dimse.Request {
	t.Helper()
	item := func(class uid.UID, instance string) *dicom.Builder {
		return dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, class).Text(tag.ReferencedSOPInstanceUID, instance)
	}
	ds, err := dicom.NewBuilder().Text(tag.TransactionUID, transaction).Sequence(tag.ReferencedSOPSequence,
		item(imageClass, "1.2.3.1.1.1"), item(uid.CTImageStorage, "1.2.3.1.1.2"), item(imageClass, "1.2.3.99")).Dataset()
	check(t, err)
	return &dimse.Request{
		Operation: dimse.NAction, SOPClass: uid.StorageCommitmentPushModel, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: 1, Dataset: ds,
	}
}

// committed looks at the event that answers commitmentOf. One of another transaction is
// told again: who was stopped before it knew that it had told it does so.
func committed(t *testing.T, events <-chan *dimse.Request, transaction string) {
	t.Helper()
	for end := time.After(time.Minute); ; {
		select {
		case e := <-events:
			if e.Dataset.Text(tag.TransactionUID) != transaction {
				continue
			}
			kept, failed := e.Dataset.Items(tag.ReferencedSOPSequence), e.Dataset.Items(tag.FailedSOPSequence)
			if e.Operation != dimse.EventReport || e.Type != 2 || len(kept) != 1 || len(failed) != 2 {
				t.Fatalf("event %+v: %d kept, %d not", e, len(kept), len(failed))
			}
			for i, want := range []int64{0x0119, 0x0112} {
				if reason, _ := failed[i].Int(tag.FailureReason); reason != want {
					t.Errorf("reason %04X; want %04X", reason, want)
				}
			}
			return
		case <-end:
			t.Fatal("nobody was told")
		}
	}
}

// commitConfig asks for commitments as a peer.
func (b *library) commitConfig(title string, hears dimse.Normal) dimse.Config {
	return dimse.Config{
		Calling: title, Called: "RADAGORA", Now: time.Now, Events: map[uid.UID]dimse.Normal{uid.StorageCommitmentPushModel: hears},
		Propose: []dimse.Proposal{{SOPClass: uid.StorageCommitmentPushModel, Syntaxes: []uid.UID{uid.ImplicitVRLittleEndian}}},
	}
}

func TestStorageCommitment(t *testing.T) {
	b := openLibrary(t, "")
	b.fill()
	t.Run("on the same association", func(t *testing.T) {
		same := &recipient{events: make(chan *dimse.Request, 9)}
		a, err := dimse.Dial(t.Context(), b.addr, b.commitConfig("KNOWN", same))
		check(t, err)
		defer a.Abort()
		_, err = a.Do(t.Context(), commitmentOf(t, "1.2.3.4.1"))
		check(t, err)
		committed(t, same.events, "1.2.3.4.1")
	})
	t.Run("on a later one", func(t *testing.T) {
		a, err := dimse.Dial(t.Context(), b.addr, b.commitConfig("THERE", nil))
		check(t, err)
		_, err = a.Do(t.Context(), commitmentOf(t, "1.2.3.4.2"))
		check(t, err)
		a.Abort()
		committed(t, b.there.events, "1.2.3.4.2")
	})
	t.Run("refused", func(t *testing.T) {
		a, err := dimse.Dial(t.Context(), b.addr, b.commitConfig("KNOWN", nil))
		check(t, err)
		defer a.Abort()
		for name, c := range map[string]struct {
			change func(*dimse.Request)
			want   dimse.Status
		}{
			"another action":   {func(r *dimse.Request) { r.Type = 2 }, dimse.NoSuchAction},
			"another instance": {func(r *dimse.Request) { r.SOPInstance = uid.Must("1.2.3") }, dimse.NoSuchInstance},
			"nothing":          {func(r *dimse.Request) { r.Dataset = nil }, dimse.InvalidArgument},
			"no transaction":   {func(r *dimse.Request) { r.Dataset = askFor(t, "STUDY") }, dimse.InvalidArgument},
			"another verb":     {func(r *dimse.Request) { r.Operation = dimse.NSet }, dimse.UnrecognisedOperation},
		} {
			r := commitmentOf(t, "1.2.3.4.9")
			c.change(r)
			if _, err := a.Do(t.Context(), r); statusIn(err) != c.want {
				t.Errorf("%s: %v; want %v", name, err, c.want)
			}
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		b.stop()
		p, err := readPledge(&dimse.Request{Peer: dimse.Peer{CallingAE: "THERE", CalledAE: "RADAGORA"}, Dataset: commitmentOf(t, "1.2.3.4.3").Dataset})
		check(t, err)
		check(t, committer{librarian{house: b.h, site: at}}.promise(context.Background(), p, time.Now()))
		check(t, b.h.Close())
		b.h.close = nil
		again := openLibrary(t, b.data)
		committed(t, again.there.events, "1.2.3.4.3")
	})
}
