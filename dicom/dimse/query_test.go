package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A finderFunc is a Finder.
type finderFunc func(context.Context, *Query) iter.Seq2[*dicom.Dataset, error]

func (f finderFunc) Find(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error] {
	return f(ctx, q)
}

// row is an answer to a query, with a number.
func row(t testing.TB, i int) *dicom.Dataset {
	ds, err := dicom.NewBuilder().Text(tag.QueryRetrieveLevel, "STUDY").Text(tag.PatientID, fmt.Sprint(i)).Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// rows yields n answers and then an error, unless that is nil.
func rows(t testing.TB, n int, last error) finderFunc {
	return func(context.Context, *Query) iter.Seq2[*dicom.Dataset, error] {
		return func(yield func(*dicom.Dataset, error) bool) {
			for i := range n {
				if !yield(row(t, i), nil) {
					return
				}
			}
			if last != nil {
				yield(nil, last)
			}
		}
	}
}

var (
	findClass  = uid.StudyRootQueryRetrieveInformationModelFind
	moveClass  = uid.StudyRootQueryRetrieveInformationModelMove
	getClass   = uid.StudyRootQueryRetrieveInformationModelGet
	queryTypes = []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}
)

// asking proposes the classes of query and retrieve.
func asking() []Proposal {
	return []Proposal{{findClass, queryTypes}, {moveClass, queryTypes}, {getClass, queryTypes}, {uid.Verification, queryTypes[1:]}}
}

// found collects the numbers of rows, and the last error.
func found(all iter.Seq2[*dicom.Dataset, error]) (ids []string, err error) {
	for ds, err := range all {
		if err != nil {
			return ids, err
		}
		ids = append(ids, ds.Text(tag.PatientID))
	}
	return ids, nil
}

// TestAskAgainAtOnce asks again as soon as the answer is there, while the acceptor is
// still busy with what comes after it.
func TestAskAgainAtOnce(t *testing.T) {
	hold := make(chan struct{})
	a := dial(t, serve(t, &Server{Find: rows(t, 1, nil), Observe: func(_ context.Context, o Observation) {
		if o.Occasion == Queried {
			<-hold
		}
	}}), Config{Propose: asking()})
	defer close(hold)
	for range 3 {
		if ids, err := found(a.Find(t.Context(), findClass, row(t, 1))); len(ids) != 1 || err != nil {
			t.Errorf("%d rows, %v", len(ids), err)
		}
	}
}

func TestFind(t *testing.T) {
	key := row(t, 77)
	refused := &StatusError{Status: 0xc123, Text: "because", ID: 7, Attributes: []tag.Tag{tag.PatientID}}
	for _, c := range []struct {
		name   string
		finder Finder
		rows   int
		want   Status
	}{
		{"nothing", rows(t, 0, nil), 0, Success},
		{"one", rows(t, 1, nil), 1, Success},
		{"many", rows(t, 3000, nil), 3000, Success},
		{"an identifier that makes no sense", rows(t, 0, fault.Errorf(fault.Invalid, "no level")), 0, ClassMismatch},
		{"not allowed", rows(t, 0, fault.Errorf(fault.Forbidden, "no")), 0, NotAuthorised},
		{"the database is gone after two", rows(t, 2, fault.Errorf(fault.Unavailable, "later")), 2, OutOfResources},
		{"our mistake", rows(t, 1, errors.New("LEAK^CANARY")), 1, CannotUnderstand},
		{"a status of its own", rows(t, 1, refused), 1, 0xc123},
		{"a panic", finderFunc(func(context.Context, *Query) iter.Seq2[*dicom.Dataset, error] { panic("LEAK^CANARY") }), 0, CannotUnderstand},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked *Query
			finder := finderFunc(func(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error] {
				asked = q
				return c.finder.Find(ctx, q)
			})
			seen := make(chan Observation, 9)
			a := dial(t, serve(t, &Server{Find: finder, Observe: func(_ context.Context, o Observation) { seen <- o }}), Config{Propose: asking()})
			ids, err := found(a.Find(t.Context(), findClass, key))
			if len(ids) != c.rows || c.rows > 0 && ids[c.rows-1] != fmt.Sprint(c.rows-1) {
				t.Errorf("%d rows; want %d", len(ids), c.rows)
			}
			s, _ := asStatus(err)
			switch {
			case c.want == Success:
				if err != nil {
					t.Error(err)
				}
			case s == nil || s.Status != c.want:
				t.Errorf("error = %v; want %v", err, c.want)
			}
			if c.want == 0xc123 && (s.ID != 7 || len(s.Attributes) != 1 || !strings.Contains(s.Text, "because")) {
				t.Errorf("status = %+v", s)
			}
			if asked == nil || asked.SOPClass != findClass || asked.Peer.CallingAE != "TESTER" || asked.Identifier.Text(tag.PatientID) != "77" {
				t.Errorf("asked %+v", asked)
			}
			<-seen // associated
			if o := <-seen; o.Occasion != Queried || o.Status != c.want || o.Count != c.rows || o.Operation != "C-FIND" {
				t.Errorf("observed %+v", o)
			}
			if st, err := a.Echo(t.Context()); err != nil || st != Success {
				t.Errorf("echo afterwards: %v, %v", st, err)
			}
		})
	}
}

// TestFindWithoutKeysServed: FF01 says that a key was not looked at.
func TestFindWithoutKeysServed(t *testing.T) {
	finder := finderFunc(func(ctx context.Context, q *Query) iter.Seq2[*dicom.Dataset, error] {
		q.Partial = true
		return rows(t, 1, nil)(ctx, q)
	})
	a := dial(t, serve(t, &Server{Find: finder}), Config{Propose: asking()})
	pc, _ := a.contextOf(findClass, false)
	w, err := a.askSet(t.Context(), pc, &command{field: cFindRQ, affectedClass: findClass.String()}, row(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := a.await(t.Context(), w, time.Minute); err != nil || m.status != PendingWarning {
		t.Errorf("first answer: %v, %v", m, err)
	}
	if m, err := a.await(t.Context(), w, time.Minute); err != nil || m.status != Success || m.dataSet {
		t.Errorf("last answer: %v, %v", m, err)
	}
}

// TestCancelFind leaves a query without end in three ways; the peer must notice and
// the association must go on.
func TestCancelFind(t *testing.T) {
	ended := make(chan error, 1)
	finder := finderFunc(func(ctx context.Context, _ *Query) iter.Seq2[*dicom.Dataset, error] {
		return func(yield func(*dicom.Dataset, error) bool) {
			defer func() { ended <- context.Cause(ctx) }()
			for i := 0; ctx.Err() == nil; i++ {
				if !yield(row(t, i), nil) {
					return
				}
			}
		}
	})
	seen := make(chan Observation, 9)
	server := &Server{Find: finder, Observe: func(_ context.Context, o Observation) {
		if o.Occasion == Queried {
			seen <- o
		}
	}}
	a := dial(t, serve(t, server), Config{Propose: asking()})
	for _, name := range []string{"the loop is left", "the context ends"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			for _, err := range a.Find(ctx, findClass, row(t, 0)) {
				if n++; n < 100 {
					continue
				}
				if name == "the loop is left" {
					break
				}
				cancel()
				if err != nil && fault.Of(err) != fault.Unavailable {
					t.Errorf("error = %v", err)
				}
			}
			if err := <-ended; !errors.Is(err, errCancelled) {
				t.Errorf("the finder ended because of %v", err)
			}
			if o := <-seen; o.Status != Cancel {
				t.Errorf("observed %+v", o)
			}
			if st, err := a.Echo(t.Context()); err != nil || st != Success {
				t.Errorf("echo afterwards: %v, %v", st, err)
			}
		})
	}
	t.Run("the association is released meanwhile", func(t *testing.T) {
		for range a.Find(t.Context(), findClass, row(t, 0)) {
			go a.Release(t.Context())
			break
		}
		<-ended
		<-seen
	})
}

// TestIdentifiers sends what is no identifier: it is refused, and the association
// goes on.
func TestIdentifiers(t *testing.T) {
	a := dial(t, serve(t, &Server{Find: rows(t, 1, nil), Retrieve: &giver{}, Limits: Limits{Identifier: 4096}}), Config{Propose: asking()})
	deep := []byte{}
	for range 100 { // a sequence of undefined length within each item
		deep = append(deep, 0x08, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255)
	}
	good, err := encode(row(t, 1), Context{TransferSyntax: uid.ExplicitVRLittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		c    *command
		data []byte
		want Status
	}{
		{"no identifier", &command{field: cFindRQ}, nil, MistypedArgument},
		{"ends within an element", &command{field: cFindRQ}, good[:len(good)-1], CannotUnderstand},
		{"says it has two gigabytes", &command{field: cFindRQ}, []byte{8, 0, 0x52, 0, 'U', 'N', 0, 0, 0, 0, 0, 0x7f}, CannotUnderstand},
		{"larger than allowed", &command{field: cFindRQ}, make([]byte, 5000), OutOfResources},
		{"too deep", &command{field: cFindRQ}, deep, CannotUnderstand},
		{"a good one", &command{field: cFindRQ}, good, Success},
		{"move: malformed", &command{field: cMoveRQ, destination: "X"}, good[:9], CannotUnderstand},
		{"move: without", &command{field: cMoveRQ, destination: "X"}, nil, MistypedArgument},
		{"find on the class of move", &command{field: cFindRQ, affectedClass: moveClass.String()}, good, UnrecognisedOperation},
		{"get on the class of move", &command{field: cGetRQ, affectedClass: moveClass.String()}, good, UnrecognisedOperation},
	} {
		t.Run(c.name, func(t *testing.T) {
			class := findClass
			if c.c.field != cFindRQ || c.c.affectedClass != "" {
				class = moveClass
			}
			pc, _ := a.contextOf(class, false)
			c.c.dataSet = c.data != nil
			w, err := a.ask(t.Context(), pc, c.c, func() error { return a.sender.whole(pc.ID, c.c, c.data) })
			if err != nil {
				t.Fatal(err)
			}
			for {
				m, err := a.await(t.Context(), w, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				if m.status.Pending() {
					continue
				}
				if m.status != c.want {
					t.Errorf("status %v; want %v", m.status, c.want)
				}
				return
			}
		})
	}
}

// A giver is a Retriever of objects in memory.
type giver struct {
	objects []Object
	err     error // of Select
	to      string
	config  Config
	asked   atomic.Pointer[Query]
}

func (g *giver) Select(_ context.Context, q *Query) ([]Object, error) {
	g.asked.Store(q)
	return g.objects, g.err
}

func (g *giver) Destination(_ context.Context, q *Query) (string, Config, error) {
	switch q.Destination {
	case "HARNESS":
		c := g.config
		def(&c.Calling, "ARCHIVE")
		c.Called = "HARNESS"
		return g.to, c, nil
	case "BUSY":
		return "", Config{}, fault.Errorf(fault.Unavailable, "later")
	}
	return "", Config{}, fault.Errorf(fault.NotFound, "nobody is called that")
}

// things returns n objects of so many bytes.
func things(n, size int) []Object {
	var all []Object
	for i := range n {
		b, o := object(i, size)
		all = append(all, Object{
			SOPClass: o.SOPClass, SOPInstance: o.SOPInstance, TransferSyntax: o.TransferSyntax,
			Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
		})
	}
	return all
}

// getting is the configuration of a client that fetches CT.
func getting(s Storer, window uint16) Config {
	return Config{
		Propose: append(asking(), ctExplicit), Roles: []Role{{SOPClass: uid.CTImageStorage, SCP: true}}, Store: s, Window: window,
	}
}

func TestGet(t *testing.T) {
	for _, window := range []uint16{0, 8} {
		t.Run(fmt.Sprintf("window %d", window), func(t *testing.T) {
			g := &giver{objects: things(20, 70_000)}
			var s shelf
			a := dial(t, serve(t, &Server{Retrieve: g}), getting(&s, window))
			var steps []Progress
			p, err := a.Get(t.Context(), getClass, row(t, 1), func(p Progress) { steps = append(steps, p) })
			if err != nil || p.Status != Success || p.Completed != 20 || p.Failed != 0 || p.Remaining > 1 || s.count() != 20 {
				t.Errorf("get: %+v, %v; %d arrived", p, err, s.count())
			}
			if len(steps) != 19 || steps[0].Remaining != 19 || steps[18].Completed != 19 {
				t.Errorf("%d pending answers: %+v", len(steps), steps)
			}
			if err := a.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGetStatuses is PS3.4 Table C.4-3, as far as it can be provoked.
func TestGetStatuses(t *testing.T) {
	broken := func(o Object) Object {
		o.Open = func(context.Context) (io.ReadCloser, error) { return nil, fault.Errorf(fault.NotFound, "it is gone") }
		return o
	}
	other := func(o Object) Object { o.TransferSyntax = uid.RLELossless; return o }
	unpacked := func(o Object) Object {
		plain := o
		o.TransferSyntax = uid.RLELossless
		o.Transcode = func(_ context.Context, to []uid.UID) (Object, error) {
			if len(to) != 1 || to[0] != uid.ExplicitVRLittleEndian {
				return Object{}, fmt.Errorf("to %v", to)
			}
			return plain, nil
		}
		return o
	}
	foreign := func(o Object) Object { o.SOPClass = uid.MRImageStorage; return o }
	all := things(4, 100)
	refusing := storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		if in.SOPInstance == all[0].SOPInstance {
			return nil, fault.Errorf(fault.Exhausted, "full")
		}
		_, err := io.Copy(io.Discard, in.Data)
		return nil, err
	})
	for _, c := range []struct {
		name      string
		g         *giver
		store     Storer
		want      Status
		completed int
		failures  []uid.UID
	}{
		{"nothing matches", &giver{}, &shelf{}, Success, 0, nil},
		{"all", &giver{objects: all}, &shelf{}, Success, 4, nil},
		{"one is gone", &giver{objects: []Object{all[0], broken(all[1]), all[2]}}, &shelf{}, SomeFailed, 2, []uid.UID{all[1].SOPInstance}},
		{"one panics", &giver{objects: []Object{{SOPClass: uid.CTImageStorage, SOPInstance: all[3].SOPInstance, TransferSyntax: uid.ExplicitVRLittleEndian}, all[2]}}, &shelf{}, SomeFailed, 1, []uid.UID{all[3].SOPInstance}},
		{"one in a syntax the peer does not take", &giver{objects: []Object{all[0], other(all[1])}}, &shelf{}, SomeFailed, 1, []uid.UID{all[1].SOPInstance}},
		{"one that can be transcoded", &giver{objects: []Object{all[0], unpacked(all[1])}}, &shelf{}, Success, 2, nil},
		{"one of a class the peer does not take", &giver{objects: []Object{foreign(all[0]), all[1]}}, &shelf{}, SomeFailed, 1, []uid.UID{all[0].SOPInstance}},
		{"the peer refuses one", &giver{objects: all}, refusing, SomeFailed, 3, []uid.UID{all[0].SOPInstance}},
		{"all fail", &giver{objects: []Object{broken(all[0]), broken(all[1])}}, &shelf{}, CannotPerform, 0, []uid.UID{all[0].SOPInstance, all[1].SOPInstance}},
		{"what is asked for makes no sense", &giver{err: fault.Errorf(fault.Invalid, "no level")}, &shelf{}, ClassMismatch, 0, nil},
		{"not allowed", &giver{err: fault.Errorf(fault.Forbidden, "no")}, &shelf{}, NotAuthorised, 0, nil},
		{"the database is gone", &giver{err: fault.Errorf(fault.Unavailable, "later")}, &shelf{}, CannotCount, 0, nil},
		{"our mistake", &giver{err: errors.New("LEAK^CANARY")}, &shelf{}, CannotUnderstand, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := dial(t, serve(t, &Server{Retrieve: c.g}), getting(c.store, 0))
			p, err := a.Get(t.Context(), getClass, row(t, 1), nil)
			if p.Status != c.want || p.Completed != c.completed || p.Failed != len(c.failures) {
				t.Errorf("%+v, %v; want %v", p, err, c.want)
			}
			if (err == nil) != c.want.OK() {
				t.Errorf("error = %v with %v", err, c.want)
			}
			if d := cmp.Diff(fmt.Sprint(c.failures), fmt.Sprint(p.Failures)); d != "" {
				t.Errorf("failed instances (-want +got)\n%s", d)
			}
		})
	}
}

func TestMove(t *testing.T) {
	var s shelf
	var mu sync.Mutex
	var originators []string
	to := serve(t, &Server{AETitle: "HARNESS", Store: storerFunc(func(ctx context.Context, in *Incoming) (func(context.Context) error, error) {
		mu.Lock()
		originators = append(originators, fmt.Sprint(in.Originator, in.OriginatorID, in.Peer.CallingAE))
		mu.Unlock()
		return s.Store(ctx, in)
	})})
	g := &giver{objects: things(30, 20_000), to: to}
	seen := make(chan Observation, 99)
	from := serve(t, &Server{Retrieve: g, Observe: func(_ context.Context, o Observation) { seen <- o }})
	a := dial(t, from, Config{Propose: asking()})
	var steps []Progress
	p, err := a.Move(t.Context(), moveClass, "HARNESS", row(t, 1), func(p Progress) { steps = append(steps, p) })
	if err != nil || p.Status != Success || p.Completed != 30 || s.count() != 30 || len(steps) != 29 {
		t.Errorf("move: %+v, %v; %d arrived, %d steps", p, err, s.count(), len(steps))
	}
	if originators[0] != "TESTER1ARCHIVE" {
		t.Errorf("stored on behalf of %s", originators[0])
	}
	if q := g.asked.Load(); q.Destination != "HARNESS" || q.Identifier.Text(tag.PatientID) != "1" {
		t.Errorf("asked %+v", q)
	}
	<-seen
	if o := <-seen; o.Occasion != Moved || o.Count != 30 || o.Failed != 0 || o.Status != Success {
		t.Errorf("observed %+v", o)
	}

	for _, c := range []struct {
		name, to string
		g        *giver
		want     Status
	}{
		{"nobody is called that", "NOBODY", &giver{}, DestinationUnknown},
		{"where it is cannot be found out now", "BUSY", &giver{}, CannotPerform},
		{"nothing matches, and nobody is called", "HARNESS", &giver{to: "127.0.0.1:1"}, Success},
		{"the destination does not answer", "HARNESS", &giver{to: "127.0.0.1:1", objects: things(3, 10)}, CannotPerform},
		{"the destination takes nothing", "HARNESS", &giver{to: serve(t, &Server{}), objects: things(3, 10)}, CannotPerform},
		{"the destination is somebody else", "HARNESS", &giver{to: serve(t, &Server{AETitle: "ELSE"}), objects: things(3, 10)}, CannotPerform},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := dial(t, serve(t, &Server{Retrieve: c.g}), Config{Propose: asking()})
			p, err := a.Move(t.Context(), moveClass, c.to, row(t, 1), nil)
			if p.Status != c.want || len(p.Failures) != len(c.g.objects) || (err == nil) != c.want.OK() {
				t.Errorf("%+v, %v; want %v", p, err, c.want)
			}
		})
	}
}

// TestCancelRetrieve cancels in the middle; what remains is counted.
func TestCancelRetrieve(t *testing.T) {
	for _, name := range []string{"C-GET", "C-MOVE"} {
		t.Run(name, func(t *testing.T) {
			got := make(chan struct{}, 100)
			goOn := make(chan struct{})
			slow := storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
				_, err := io.Copy(io.Discard, in.Data)
				got <- struct{}{}
				<-goOn
				return nil, err
			})
			g := &giver{objects: things(50, 100), to: serve(t, &Server{Store: slow, Limits: Limits{Window: 1}})}
			seen := make(chan Observation, 9)
			server := &Server{Retrieve: g, Observe: func(_ context.Context, o Observation) {
				if o.Occasion == Moved || o.Occasion == Got {
					seen <- o
				}
			}}
			a := dial(t, serve(t, server), getting(slow, 0))
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-got
				goOn <- struct{}{}
				<-got
				cancel() // within the second
				time.Sleep(50 * time.Millisecond)
				close(goOn)
			}()
			var p Progress
			var err error
			if name == "C-GET" {
				p, err = a.Get(ctx, getClass, row(t, 1), nil)
			} else {
				p, err = a.Move(ctx, moveClass, "HARNESS", row(t, 1), nil)
			}
			if fault.Of(err) != fault.Unavailable || p.Status != Cancel || p.Remaining == 0 || p.Completed+p.Remaining != 50 {
				t.Errorf("%+v, %v", p, err)
			}
			if o := <-seen; o.Status != Cancel {
				t.Errorf("observed %+v", o)
			}
			if st, err := a.Echo(t.Context()); err != nil || st != Success {
				t.Errorf("echo afterwards: %v, %v", st, err)
			}
		})
	}
}

// TestParts: 128 presentation contexts fit an association, and no more are proposed.
func TestParts(t *testing.T) {
	var all []Object
	for e := range uid.All() {
		if e.Storage {
			all = append(all, Object{SOPClass: e.UID, TransferSyntax: uid.JPEGBaseline8Bit}, Object{SOPClass: e.UID, TransferSyntax: uid.ExplicitVRLittleEndian})
		}
	}
	n := 0
	for part, propose := range parts(all) {
		n += len(part)
		if len(propose) > maxContexts {
			t.Errorf("%d contexts", len(propose))
		}
		have := map[string]bool{}
		for _, p := range propose {
			if len(p.Syntaxes) != 1 || have[p.SOPClass.String()+p.Syntaxes[0].String()] {
				t.Errorf("proposal %+v", p)
			}
			have[p.SOPClass.String()+p.Syntaxes[0].String()] = true
		}
		for _, o := range part {
			for _, s := range []uid.UID{o.TransferSyntax, uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian} {
				if !have[o.SOPClass.String()+s.String()] {
					t.Errorf("no context for %s in %s", o.SOPClass, s)
				}
			}
		}
	}
	if n != len(all) {
		t.Errorf("%d objects of %d", n, len(all))
	}
}
