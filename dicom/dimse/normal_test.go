package dimse

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A normalFunc is a Normal.
type normalFunc func(context.Context, *Request) (*Reply, error)

func (f normalFunc) Do(ctx context.Context, r *Request) (*Reply, error) { return f(ctx, r) }

var (
	mpps       = uid.ModalityPerformedProcedureStep
	commitment = uid.StorageCommitmentPushModel
)

// TestNormal does every operation of DIMSE-N, and each must arrive as it was sent.
func TestNormal(t *testing.T) {
	made := uid.Must("1.2.3.99")
	given := row(t, 5)
	got := make(chan Request, 1)
	answer := normalFunc(func(_ context.Context, r *Request) (*Reply, error) {
		got <- *r
		switch {
		case r.Type == 9:
			return nil, &StatusError{Status: ProcessingFailure, Text: "not any more", ID: 0xa710, Attributes: []tag.Tag{tag.PatientID}}
		case r.Type == 8:
			panic("LEAK^CANARY")
		case r.SOPInstance.IsZero():
			return &Reply{SOPInstance: made}, nil
		case r.Operation == NGet:
			return &Reply{Dataset: given, Status: AttributeListError}, nil
		case r.Operation == NDelete:
			return nil, fault.Errorf(fault.NotFound, "none")
		}
		return nil, nil
	})
	a := dial(t, serve(t, &Server{Normal: map[uid.UID]Normal{mpps: answer}}), Config{Propose: []Proposal{{mpps, queryTypes}}})
	one := uid.Must("1.2.3")
	for _, c := range []struct {
		name     string
		r        Request
		status   Status
		instance uid.UID
		dataset  string
	}{
		{"create", Request{Operation: NCreate, SOPInstance: one, Dataset: given}, Success, one, ""},
		{"create without an instance", Request{Operation: NCreate, Dataset: given}, Success, made, ""},
		{"create of nothing", Request{Operation: NCreate, SOPInstance: one}, Success, one, ""},
		{"set", Request{Operation: NSet, SOPInstance: one, Dataset: given}, Success, one, ""},
		{"get", Request{Operation: NGet, SOPInstance: one, Attributes: []tag.Tag{tag.PatientID, tag.StudyDate}}, AttributeListError, one, "5"},
		{"action", Request{Operation: NAction, SOPInstance: one, Type: 3, Dataset: given}, Success, one, ""},
		{"delete", Request{Operation: NDelete, SOPInstance: one}, NoSuchInstance, one, ""},
		{"an error with its own status", Request{Operation: NAction, SOPInstance: one, Type: 9}, ProcessingFailure, one, ""},
		{"a panic", Request{Operation: NAction, SOPInstance: one, Type: 8}, ProcessingFailure, one, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.SOPClass = mpps
			reply, err := a.Do(t.Context(), &c.r)
			if reply == nil {
				t.Fatal(err)
			}
			if reply.Status != c.status || reply.SOPInstance != c.instance {
				t.Errorf("%+v, %v", reply, err)
			}
			if (err == nil) != c.status.OK() {
				t.Errorf("error = %v", err)
			}
			if s, ok := asStatus(err); ok && c.r.Type == 9 && (s.ID != 0xa710 || len(s.Attributes) != 1) {
				t.Errorf("status = %+v", s)
			}
			if c.dataset != "" && reply.Dataset.Text(tag.PatientID) != c.dataset {
				t.Error("another data set came back")
			}
			r := <-got
			if r.Operation != c.r.Operation || r.SOPClass != mpps || r.Context != mpps || r.SOPInstance != c.r.SOPInstance || r.Type != c.r.Type {
				t.Errorf("arrived %+v", r)
			}
			if d := cmp.Diff(c.r.Attributes, r.Attributes); d != "" {
				t.Error(d)
			}
			if (r.Dataset == nil) != (c.r.Dataset == nil) || r.Dataset != nil && r.Dataset.Text(tag.PatientID) != "5" {
				t.Error("another data set arrived")
			}
		})
	}
	if _, err := a.Do(t.Context(), &Request{Operation: NSet, SOPClass: commitment}); !errors.Is(err, ErrNoContext) {
		t.Errorf("a class that was not proposed: %v", err)
	}
	if _, err := a.Do(t.Context(), &Request{Operation: "N-THING", SOPClass: mpps}); fault.Of(err) != fault.Invalid {
		t.Errorf("no operation: %v", err)
	}
	if _, err := a.Do(t.Context(), &Request{Operation: EventReport, SOPClass: mpps, SOPInstance: one}); !errors.Is(err, ErrNoContext) {
		t.Errorf("an event from who is no SCP: %v", err)
	}
}

// TestEventsOnTheSameAssociation: storage commitment as it is most often done.
func TestEventsOnTheSameAssociation(t *testing.T) {
	events := make(chan Request, 1)
	reported := make(chan error, 1)
	done, err := dicom.NewBuilder().Text(tag.TransactionUID, "1.2.3").Dataset()
	if err != nil {
		t.Fatal(err)
	}
	scp := normalFunc(func(_ context.Context, r *Request) (*Reply, error) {
		return &Reply{Then: func(ctx context.Context, same Normal) {
			_, err := same.Do(ctx, &Request{
				Operation: EventReport, SOPClass: commitment, SOPInstance: r.SOPInstance, Type: 1, Dataset: done,
			})
			reported <- err
		}}, nil
	})
	hears := normalFunc(func(_ context.Context, r *Request) (*Reply, error) {
		events <- *r
		return nil, nil
	})
	addr := serve(t, &Server{Normal: map[uid.UID]Normal{commitment: scp}})
	action := &Request{Operation: NAction, SOPClass: commitment, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: 1, Dataset: done}
	for _, c := range []struct {
		name string
		to   map[uid.UID]Normal
		want error
	}{
		{"heard", map[uid.UID]Normal{commitment: hears}, nil},
		{"not expected", nil, refuse(UnrecognisedOperation, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := dial(t, addr, Config{Propose: []Proposal{{commitment, queryTypes}}, Events: c.to})
			if _, err := a.Do(t.Context(), action); err != nil {
				t.Fatal(err)
			}
			err := <-reported
			s, _ := asStatus(err)
			if c.want == nil && err != nil || c.want != nil && (s == nil || s.Status != UnrecognisedOperation) {
				t.Errorf("reported: %v", err)
			}
			if c.to != nil {
				if e := <-events; e.Operation != EventReport || e.Type != 1 || e.Dataset.Text(tag.TransactionUID) != "1.2.3" {
					t.Errorf("event %+v", e)
				}
			}
			if err := a.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("the requestor is gone", func(t *testing.T) {
		a := dial(t, addr, Config{Propose: []Proposal{{commitment, queryTypes}}})
		if _, err := a.Do(t.Context(), action); err != nil {
			t.Fatal(err)
		}
		a.Abort()
		if err := <-reported; err == nil {
			t.Error("a report without a listener was no error")
		}
	})
}

// TestEventsOnALaterAssociation: the SCP calls, and says so by role selection.
func TestEventsOnALaterAssociation(t *testing.T) {
	events := make(chan Request, 1)
	hears := normalFunc(func(_ context.Context, r *Request) (*Reply, error) {
		events <- *r
		return nil, nil
	})
	addr := serve(t, &Server{Events: map[uid.UID]Normal{commitment: hears}})
	report := &Request{Operation: EventReport, SOPClass: commitment, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: 2, Dataset: row(t, 1)}
	a := dial(t, addr, Config{Propose: []Proposal{{commitment, queryTypes}}, Roles: []Role{{commitment, false, true}}})
	if reply, err := a.Do(t.Context(), report); err != nil || reply.Status != Success {
		t.Errorf("%+v, %v", reply, err)
	}
	if e := <-events; e.Type != 2 || e.Peer.CallingAE != "TESTER" {
		t.Errorf("event %+v", e)
	}
	b := dial(t, addr, Config{Propose: []Proposal{{commitment, queryTypes}}})
	if b.Contexts()[0].Result != UserRejection {
		t.Errorf("who wants to be SCU of what is only heard: %+v", b.Contexts())
	}
	if _, err := b.Do(t.Context(), report); !errors.Is(err, ErrNoContext) {
		t.Errorf("report without the role: %v", err)
	}
}

// TestExtendedNegotiation: what is agreed to is what both want.
func TestExtendedNegotiation(t *testing.T) {
	var asked *Query
	finder := finderFunc(func(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error] {
		asked = q
		return rows(t, 0, nil)(ctx, q)
	})
	server := &Server{Find: finder, Retrieve: &giver{}, Contexts: Contexts{Options: Options{Relational: true, Fuzzy: true, Timezone: true}}}
	a := dial(t, serve(t, server), Config{Propose: asking(), Options: map[uid.UID]Options{
		findClass: {Relational: true, DateTime: true, Fuzzy: true},
		getClass:  {Relational: true, Enhanced: true},
	}})
	if got, want := a.Options(findClass), (Options{Relational: true, Fuzzy: true}); got != want {
		t.Errorf("find: %+v; want %+v", got, want)
	}
	if got, want := a.Options(getClass), (Options{Relational: true}); got != want {
		t.Errorf("get: %+v; want %+v", got, want)
	}
	if got := a.Options(moveClass); got != (Options{}) {
		t.Errorf("move, which nobody asked for: %+v", got)
	}
	if _, err := found(a.Find(t.Context(), findClass, row(t, 1))); err != nil || asked.Options != a.Options(findClass) {
		t.Errorf("the finder hears %+v, %v", asked.Options, err)
	}
	n := newNegotiator(&Title{Store: &shelf{}})
	ct := []Context{{SOPClass: uid.CTImageStorage, Result: Accepted}}
	for _, c := range []struct {
		name string
		info []byte
		want string
	}{
		{"one byte asks for one", []byte{2}, "[2]"},
		{"all of storage", []byte{2, 0, 1, 0, 0, 0}, "[2 0 3 0 0 0]"},
		{"more than there is", make([]byte, 99), "[2 0 3 0 0 0]"},
		{"nothing", nil, "[]"},
	} {
		answer, _ := n.extend([]extended{{uid.CTImageStorage.String(), c.info}, {"no uid", nil}, {"1.2.3", nil}}, ct)
		if len(answer) != 1 || fmt.Sprintf("%d", answer[0].info) != c.want {
			t.Errorf("%s: %v; want %s", c.name, answer, c.want)
		}
	}
}

// TestTitles: each title has what it serves.
func TestTitles(t *testing.T) {
	server := &Server{
		AETitle: "MAIN", Store: &shelf{},
		Titles: []Title{{Name: "ASK", Find: rows(t, 2, nil)}, {Name: "FETCH", Retrieve: &giver{}}},
	}
	addr := serve(t, server)
	propose := append(asking(), ctExplicit)
	for _, c := range []struct{ title, want string }{
		{"MAIN", "[3 3 3 0 0]"},
		{"ASK", "[0 3 3 0 3]"},
		{"FETCH", "[3 0 0 0 1]"}, // storage in the other role only
	} {
		a := dial(t, addr, Config{Called: c.title, Propose: propose})
		var results []Result
		for _, pc := range a.Contexts() {
			results = append(results, pc.Result)
		}
		if fmt.Sprintf("%d", results) != c.want {
			t.Errorf("%s: %v; want %s", c.title, results, c.want)
		}
	}
	if _, err := Dial(t.Context(), addr, filled(Config{Called: "NOBODY"})); !errors.Is(err, ErrCalled) && fault.Of(err) != fault.Forbidden {
		t.Errorf("nobody's title: %v", err)
	}
	n := 0
	for _, title := range server.AllTitles() {
		n += len(title.Services())
	}
	if n < 300 {
		t.Errorf("%d rows of three titles", n)
	}
}

// TestTooManyAtOnce: without a window one operation runs, and others are refused
// instead of waiting where C-CANCEL could not be heard.
func TestTooManyAtOnce(t *testing.T) {
	hold := make(chan struct{})
	finder := finderFunc(func(context.Context, *Query) iter.Seq2[*dicom.Dataset, error] {
		return func(func(*dicom.Dataset, error) bool) { <-hold }
	})
	a := dial(t, serve(t, &Server{Find: finder}), Config{Propose: asking()})
	pc, _ := a.contextOf(findClass, false)
	a.slots = make(chan struct{}, 9) // this peer does not care what was negotiated
	ask := func(id uint16) *waiting {
		c := &command{field: cFindRQ}
		w, err := a.ask(t.Context(), pc, c, func() error {
			data, err := encode(row(t, 1), pc)
			if err != nil {
				return err
			}
			c.dataSet = true
			if id != 0 {
				c.messageID = id
			}
			return a.sender.whole(pc.ID, c, data)
		})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := ask(0)
	second := ask(0)
	if m, err := a.await(t.Context(), second, time.Minute); err != nil || m.status != OutOfResources {
		t.Errorf("second: %+v, %v", m, err)
	}
	close(hold)
	if m, err := a.await(t.Context(), first, time.Minute); err != nil || m.status != Success {
		t.Errorf("first: %+v, %v", m, err)
	}
}
