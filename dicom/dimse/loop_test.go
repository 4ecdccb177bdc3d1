package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radagora/dicom/uid"
	"radagora/fault"
)

// A shelf is a Storer that remembers digests.
type shelf struct {
	mu   sync.Mutex
	got  map[uid.UID][32]byte
	how  map[uid.UID]uid.UID // transfer syntax
	wait func(context.Context, *Incoming) error
}

func (s *shelf) Store(_ context.Context, in *Incoming) (func(context.Context) error, error) {
	h := sha256.New()
	if _, err := io.Copy(h, in.Data); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got == nil {
		s.got, s.how = map[uid.UID][32]byte{}, map[uid.UID]uid.UID{}
	}
	s.got[in.SOPInstance], s.how[in.SOPInstance] = [32]byte(h.Sum(nil)), in.TransferSyntax
	if s.wait == nil {
		return nil, nil
	}
	return func(ctx context.Context) error { return s.wait(ctx, in) }, nil
}

func (s *shelf) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

// A storerFunc is a Storer.
type storerFunc func(context.Context, *Incoming) (func(context.Context) error, error)

func (f storerFunc) Store(ctx context.Context, in *Incoming) (func(context.Context) error, error) {
	return f(ctx, in)
}

// serve runs s on loopback until the test ends and returns its address.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Limits.Grace == 0 {
		s.Limits.Grace = time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Serve does not return")
		}
	})
	return l.Addr().String()
}

var ctExplicit = Proposal{uid.CTImageStorage, []uid.UID{uid.ExplicitVRLittleEndian}}

// dial associates with addr.
func dial(t testing.TB, addr string, c Config) *Association {
	t.Helper()
	a, err := Dial(t.Context(), addr, filled(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Abort)
	return a
}

func filled(c Config) Config {
	def(&c.Calling, "TESTER")
	def(&c.Called, "ARCHIVE")
	c.Now = time.Now
	if c.Propose == nil {
		c.Propose = []Proposal{{uid.Verification, []uid.UID{uid.ImplicitVRLittleEndian}}, ctExplicit}
	}
	return c
}

// object returns an object of n bytes that look like nothing in particular.
func object(i, n int) ([]byte, Outgoing) {
	b := bytes.Repeat([]byte(fmt.Sprintf("%08d", i)), n/8+1)[:n]
	return b, Outgoing{
		SOPClass: uid.CTImageStorage, SOPInstance: uid.Must(fmt.Sprintf("1.2.3.%d", i)),
		TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(b),
	}
}

func TestEchoAndStore(t *testing.T) {
	var s shelf
	var echoes atomic.Int32
	seen := make(chan Observation, 100)
	server := &Server{
		AETitle: "ARCHIVE", Store: &s,
		Echo:    func(context.Context, Peer) { echoes.Add(1) },
		Observe: func(_ context.Context, o Observation) { seen <- o },
	}
	a := dial(t, serve(t, server), Config{})
	if st, err := a.Echo(t.Context()); err != nil || st != Success || echoes.Load() != 1 {
		t.Fatalf("echo = %v, %v; %d heard", st, err, echoes.Load())
	}
	// Sizes around every boundary of fragments and buffers.
	payload := a.sender.payload
	if payload%2 != 0 {
		t.Errorf("fragments of %d bytes", payload)
	}
	sizes := []int{1, 2, 4095, payload - 1, payload, payload + 1, 2 * payload, 3*payload + 7, 5 << 20}
	for i, n := range sizes {
		b, o := object(i, n)
		if st, err := a.Store(t.Context(), o); err != nil || st != Success {
			t.Fatalf("store %d bytes = %v, %v", n, st, err)
		}
		if s.got[o.SOPInstance] != sha256.Sum256(b) {
			t.Errorf("%d bytes arrived changed", n)
		}
	}
	live := server.Associations()
	if len(live) != 1 || live[0].Peer.CallingAE != "TESTER" || live[0].Messages != int64(len(sizes))+1 || live[0].Received < 5<<20 {
		t.Errorf("associations = %+v", live)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	var what []string
	for range len(sizes) + 3 {
		o := <-seen
		what = append(what, string(o.Occasion))
		if o.Occasion == Stored && (o.Status != Success || o.Bytes == 0 || o.SOPClass != uid.CTImageStorage) {
			t.Errorf("observed %+v", o)
		}
	}
	want := "associated echoed" + strings.Repeat(" stored", len(sizes)) + " released"
	if got := strings.Join(what, " "); got != want {
		t.Errorf("observed %s; want %s", got, want)
	}
	if _, err := a.Echo(t.Context()); fault.Of(err) != fault.Unavailable {
		t.Errorf("echo after release: %v", err)
	}
}

func TestSmallMaximum(t *testing.T) {
	for _, own := range []uint32{leastPDU, 65, 4096} {
		var s shelf
		a := dial(t, serve(t, &Server{Store: &s, Limits: Limits{PDU: own}}), Config{Limits: Limits{PDU: own}})
		if a.sender.payload != int(own-pdvHeader)&^1 {
			t.Errorf("fragments of %d bytes for a maximum of %d", a.sender.payload, own)
		}
		b, o := object(1, 10_000)
		if st, err := a.Store(t.Context(), o); err != nil || st != Success || s.got[o.SOPInstance] != sha256.Sum256(b) {
			t.Errorf("maximum %d: %v, %v", own, st, err)
		}
	}
}

func TestRejections(t *testing.T) {
	server := &Server{AETitle: "ARCHIVE", Limits: Limits{PerPeer: 1}, Accept: func(_ context.Context, p *Peer) error {
		switch p.CallingAE {
		case "STRANGER":
			return fault.Errorf(fault.Forbidden, "not on the list")
		case "BUSY":
			return fmt.Errorf("no room: %w", ErrCongestion)
		case "PANIC":
			panic("LEAK^CANARY")
		}
		return nil
	}}
	addr := serve(t, server)
	for _, c := range []struct {
		name string
		conf Config
		want *RejectionError
		kind fault.Kind
	}{
		{"called title", Config{Called: "ELSEWHERE"}, ErrCalled, fault.Forbidden},
		{"calling title", Config{Calling: "STRANGER"}, ErrCalling, fault.Forbidden},
		{"as the callback says", Config{Calling: "BUSY"}, ErrCongestion, fault.Unavailable},
		{"the callback panics", Config{Calling: "PANIC"}, ErrCongestion, fault.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Dial(t.Context(), addr, filled(c.conf))
			var r *RejectionError
			if !errors.As(err, &r) || *r != *c.want || fault.Of(err) != c.kind {
				t.Errorf("error = %v; want %v", err, c.want)
			}
		})
	}
	first := dial(t, addr, Config{})
	_, err := Dial(t.Context(), addr, filled(Config{}))
	var r *RejectionError
	if !errors.As(err, &r) || *r != *ErrLocalLimit {
		t.Errorf("second association: %v; want %v", err, ErrLocalLimit)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Error(err)
	}
	dial(t, addr, Config{}) // there is room again
}

func TestDialRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Config
	}{
		{"no titles", Config{Now: time.Now}},
		{"a title of 17 characters", Config{Now: time.Now, Calling: "12345678901234567", Called: "A"}},
		{"a proposal without syntaxes", Config{Now: time.Now, Calling: "A", Called: "A", Propose: []Proposal{{SOPClass: uid.CTImageStorage}}}},
		{"129 contexts", Config{Now: time.Now, Calling: "A", Called: "A", Propose: make([]Proposal, 129)}},
	} {
		if _, err := Dial(t.Context(), "127.0.0.1:1", c.c); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want kind invalid", c.name, err)
		}
	}
	if _, err := Dial(t.Context(), "127.0.0.1:1", filled(Config{})); fault.Of(err) != fault.Unavailable {
		t.Errorf("nobody listens: %v; want kind unavailable", err)
	}
}

func TestStoreStatuses(t *testing.T) {
	server := &Server{Limits: Limits{Object: 1 << 20}, Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		switch in.SOPInstance.String() {
		case "1.2.3.1":
			return nil, fault.Errorf(fault.Unsupported, "not this one")
		case "1.2.3.2":
			_, _ = in.Data.Read(make([]byte, 10))
			return nil, fault.Errorf(fault.Invalid, "cannot be read")
		case "1.2.3.3":
			panic("LEAK^CANARY")
		case "1.2.3.4":
			_, err := io.Copy(io.Discard, in.Data)
			return func(context.Context) error { return fault.Errorf(fault.Exhausted, "disk full") }, err
		case "1.2.3.5":
			_, err := io.Copy(io.Discard, in.Data)
			return func(context.Context) error { panic("LEAK^CANARY") }, err
		case "1.2.3.7":
			return nil, nil // reads nothing, wants nothing
		}
		_, err := io.Copy(io.Discard, in.Data)
		return nil, err
	})}
	var logs page
	server.Log = slog.New(slog.NewTextHandler(&logs, nil))
	a := dial(t, serve(t, server), Config{})
	for _, c := range []struct {
		name string
		i, n int
		want Status
	}{
		{"refused before it is read", 1, 900_000, ClassNotSupported},
		{"refused while it is read", 2, 900_000, CannotUnderstand},
		{"a panic", 3, 900_000, ProcessingFailure},
		{"not durable", 4, 100, OutOfResources},
		{"a panic while it becomes durable", 5, 100, ProcessingFailure},
		{"too large", 6, 1<<20 + 1, OutOfResources},
		{"not read", 7, 900_000, Success},
		{"just not too large", 8, 1 << 20, Success},
		{"and the association still works", 9, 100, Success},
	} {
		_, o := object(c.i, c.n)
		if st, err := a.Store(t.Context(), o); err != nil || st != c.want {
			t.Errorf("%s: %v, %v; want %v", c.name, st, err, c.want)
		}
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if strings.Contains(logs.String(), "CANARY") {
		t.Error("the log quotes a panic")
	}
	if !strings.Contains(logs.String(), "object larger") {
		t.Error("the log does not tell of the object that was too large")
	}
}

// A page is a log to read while it is written.
type page struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// TestOtherOperations sends commands that are not served here.
func TestOtherOperations(t *testing.T) {
	a := dial(t, serve(t, &Server{Store: &shelf{}}), Config{})
	verification, ct := uint8(1), uint8(3)
	for _, c := range []struct {
		name string
		id   uint8
		c    *command
		data string
		want Status
	}{
		{"C-FIND", ct, &command{field: 0x0020, dataSet: true}, "query", UnrecognisedOperation},
		{"N-ACTION", verification, &command{field: 0x0130, requestedClass: "1.2"}, "", UnrecognisedOperation},
		{"C-ECHO on storage", ct, &command{field: cEchoRQ}, "", ClassNotSupported},
		{"C-STORE on Verification", verification, &command{field: cStoreRQ, affectedInstance: "1.2", dataSet: true}, "data", ClassNotSupported},
		{"C-STORE of another class", ct, &command{field: cStoreRQ, affectedClass: "1.2", affectedInstance: "1.2", dataSet: true}, "data", ClassNotSupported},
		{"C-STORE without a data set", ct, &command{field: cStoreRQ, affectedInstance: "1.2"}, "", MistypedArgument},
		{"C-STORE without an instance", ct, &command{field: cStoreRQ, dataSet: true}, "data", InvalidInstance},
		{"C-STORE that leaves the class out", ct, &command{field: cStoreRQ, affectedInstance: "1.2", dataSet: true}, "data", Success},
		{"C-ECHO with a data set", verification, &command{field: cEchoRQ, dataSet: true}, "data", Success},
		{"C-ECHO", verification, &command{field: cEchoRQ}, "", Success},
	} {
		var data io.Reader
		if c.data != "" {
			data = strings.NewReader(c.data)
		}
		pc, _ := a.context(c.id)
		if m, err := a.do(t.Context(), pc, c.c, data); err != nil || m.status != c.want {
			t.Errorf("%s: %v, %v; want %v", c.name, m, err, c.want)
		}
		// A cancel of something long done changes nothing.
		a.sender.mu.Lock()
		if err := a.sender.command(ct, &command{field: cCancelRQ, respondedTo: 1}); err != nil {
			t.Error(err)
		}
		a.sender.mu.Unlock()
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoContext(t *testing.T) {
	a := dial(t, serve(t, &Server{}), Config{}) // without a Storer
	_, o := object(1, 10)
	if _, err := a.Store(t.Context(), o); !errors.Is(err, ErrNoContext) || fault.Of(err) != fault.Unsupported {
		t.Errorf("store: %v; want ErrNoContext", err)
	}
	if a.Accepts(uid.CTImageStorage, uid.ExplicitVRLittleEndian) || a.Contexts()[1].Result != AbstractSyntaxNotSupported {
		t.Errorf("contexts = %+v", a.Contexts())
	}
}

// TestWindow lets answers come out of order, as many at once as was negotiated.
func TestWindow(t *testing.T) {
	const window = 4
	var now, most atomic.Int32
	gate := make(chan struct{})
	var answered []string
	var mu sync.Mutex
	s := &shelf{wait: func(_ context.Context, in *Incoming) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		if in.SOPInstance.String() == "1.2.3.0" {
			<-gate // the first is the last to be durable
		}
		return nil
	}}
	a := dial(t, serve(t, &Server{Store: s, Limits: Limits{Window: window}}), Config{Window: 100})
	if a.Window() != window {
		t.Fatalf("window = %d; want %d", a.Window(), window)
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, o := object(i, 200_000)
			if i > 0 {
				defer time.AfterFunc(time.Minute, func() { t.Error("no answer") }).Stop()
			}
			if st, err := a.Store(t.Context(), o); err != nil || st != Success {
				t.Errorf("store %d: %v, %v", i, st, err)
			}
			mu.Lock()
			answered = append(answered, o.SOPInstance.String())
			if len(answered) == 19 {
				close(gate)
			}
			mu.Unlock()
		})
	}
	all.Wait()
	if answered[19] != "1.2.3.0" {
		t.Errorf("the last answer is for %s", answered[19])
	}
	if s.count() != 20 || most.Load() > window {
		t.Errorf("%d stored, %d at once", s.count(), most.Load())
	}
	if err := a.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDuplicateMessageID(t *testing.T) {
	gate := make(chan struct{})
	s := &shelf{wait: func(context.Context, *Incoming) error { <-gate; return nil }}
	a := dial(t, serve(t, &Server{Store: s}), Config{Window: 4})
	_, first := object(1, 10)
	done := make(chan Status, 1)
	go func() {
		st, err := a.Store(t.Context(), first)
		if err != nil {
			t.Error(err)
		}
		done <- st
	}()
	for s.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	// The same message ID again, past the bookkeeping of this side.
	a.sender.mu.Lock()
	src, err := a.sender.open(strings.NewReader("data"), false)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.sender.command(3, &command{field: cStoreRQ, messageID: 1, affectedInstance: "1.2.9", dataSet: true})
	_ = a.sender.data(3, src)
	a.sender.mu.Unlock()
	if st := <-done; st != DuplicateInvocation { // the answer to the second comes first and has the same ID
		t.Errorf("a message ID in use: %v; want %v", st, DuplicateInvocation)
	}
	close(gate)
}

// TestCutObject: the end of the connection is not the end of the object, however the
// Storer reads it.
func TestCutObject(t *testing.T) {
	reads := map[string]func(io.Reader) error{
		"io.Copy":    func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		"io.ReadAll": func(r io.Reader) error { _, err := io.ReadAll(r); return err },
		"Read": func(r io.Reader) error {
			for b := make([]byte, 100); ; {
				if _, err := r.Read(b); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
			}
		},
	}
	for name, read := range reads {
		for _, how := range []string{"close", "abort", "release"} {
			result := make(chan error, 1)
			seen := make(chan Observation, 10)
			server := &Server{
				Observe: func(_ context.Context, o Observation) { seen <- o },
				Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
					err := read(in.Data)
					result <- err
					return nil, err
				}),
			}
			conn := raw(t, serve(t, server))
			begin(t, conn)
			for _, b := range [][]byte{pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(3, 0, make([]byte, 1000)))} {
				if _, err := conn.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			switch how {
			case "close":
				conn.Close()
			case "abort":
				_, _ = conn.Write(abort(0, 0))
			case "release":
				_, _ = conn.Write(short(releaseRQ, [4]byte{}))
			}
			if err := <-result; err == nil {
				t.Errorf("%s, %s: the object looks complete", how, name)
			}
			for o := range seen {
				if o.Occasion == Stored || o.Occasion == Released {
					t.Errorf("%s, %s: observed %v", how, name, o.Occasion)
				}
				if o.Occasion == Aborted {
					break
				}
			}
		}
	}
}

// TestDataFails: a source that fails cannot be taken back; nothing is stored.
func TestDataFails(t *testing.T) {
	broken := errors.New("the disk went away")
	var failed atomic.Bool
	server := &Server{Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		_, err := io.Copy(io.Discard, in.Data)
		failed.Store(err != nil && fault.Of(err) == fault.Unavailable)
		return nil, err
	})}
	addr := serve(t, server)
	a := dial(t, addr, Config{})
	_, o := object(1, 10)
	o.Data = io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotestErr{broken})
	if _, err := a.Store(t.Context(), o); !errors.Is(err, broken) {
		t.Errorf("store: %v; want the reader's error", err)
	}
	if _, err := a.Echo(t.Context()); err == nil {
		t.Error("the association goes on")
	}
	for range 3000 {
		if failed.Load() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !failed.Load() {
		t.Error("the Storer did not hear that the object is cut")
	}
	// An error before anything was sent costs nothing.
	a = dial(t, addr, Config{})
	o.Data = iotestErr{broken}
	if _, err := a.Store(t.Context(), o); !errors.Is(err, broken) {
		t.Errorf("store: %v; want the reader's error", err)
	}
	o.Data = strings.NewReader("")
	if _, err := a.Store(t.Context(), o); fault.Of(err) != fault.Invalid {
		t.Errorf("an empty object: %v", err)
	}
	if st, err := a.Echo(t.Context()); err != nil || st != Success {
		t.Errorf("echo: %v, %v", st, err)
	}
}

type iotestErr struct{ err error }

func (r iotestErr) Read([]byte) (int, error) { return 0, r.err }

func TestGrace(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun, gate := make(chan struct{}), make(chan struct{})
	s := &Server{Now: time.Now, Limits: Limits{Grace: 2 * time.Minute}, Store: &shelf{wait: func(context.Context, *Incoming) error {
		close(begun)
		<-gate
		return nil
	}}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	a := dial(t, l.Addr().String(), Config{})
	result := make(chan error, 1)
	go func() {
		_, o := object(1, 100_000)
		st, err := a.Store(t.Context(), o)
		result <- errors.Join(err, st.Err())
	}()
	<-begun
	cancel()
	time.Sleep(50 * time.Millisecond)
	close(gate)
	if err := <-result; err != nil {
		t.Errorf("what was under way when the server stopped: %v", err)
	}
	started := time.Now()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(started); took > time.Minute {
		t.Errorf("an association at rest kept the server for %s", took)
	}
}

// pipes is a listener of net.Pipe connections, for tests on synctest's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) connect(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// inBubble runs fn with a server on synctest's clock.
func inBubble(t *testing.T, s *Server, fn func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		s.Now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Serve(ctx, p) }()
		fn(t, p)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// readAll reads until the other end closes and returns how long that took.
func readAll(t *testing.T, c net.Conn) ([]byte, time.Duration) {
	t.Helper()
	began := time.Now()
	b, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	return b, time.Since(began)
}

func TestARTIM(t *testing.T) {
	inBubble(t, &Server{Limits: Limits{ARTIM: 7 * time.Second}}, func(t *testing.T, p *pipes) {
		c, _ := p.connect(t.Context(), "", "")
		b, took := readAll(t, c)
		if len(b) > 0 || took != 7*time.Second {
			t.Errorf("a peer that says nothing got % x after %s; want nothing after 7 s", b, took)
		}
	})
}

func TestSlowLoris(t *testing.T) {
	inBubble(t, &Server{Limits: Limits{ARTIM: 7 * time.Second}}, func(t *testing.T, p *pipes) {
		c, _ := p.connect(t.Context(), "", "")
		go func() {
			for _, b := range full().encode(associateRQ) {
				time.Sleep(time.Second)
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
			}
		}()
		if _, took := readAll(t, c); took != 7*time.Second {
			t.Errorf("a request of a byte a second was cut after %s; want 7 s", took)
		}
		c.Close()
		time.Sleep(time.Minute)
	})
}

func TestSlowPDUWithinAnAssociation(t *testing.T) {
	inBubble(t, &Server{Limits: Limits{Whole: 5 * time.Second, Idle: time.Hour}, Store: &shelf{}}, func(t *testing.T, p *pipes) {
		raw := associated(t, p)
		if _, err := raw.Write([]byte{byte(dataTF), 0, 0, 0, 1, 0, 0}); err != nil {
			t.Fatal(err)
		}
		b, took := readAll(t, raw)
		if want := abort(2, 0); !bytes.Equal(b, want) || took != 5*time.Second+10*time.Second {
			t.Errorf("half a PDU: % x after %s; want A-ABORT after 5 s and the end 10 s later", b, took)
		}
	})
}

// associated returns a connection whose association was accepted.
func associated(t *testing.T, p *pipes) net.Conn {
	t.Helper()
	c, _ := p.connect(t.Context(), "", "")
	if _, err := c.Write(full().encode(associateRQ)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, headerLength)
	if _, err := io.ReadFull(c, head); err != nil || pduType(head[0]) != associateAC {
		t.Fatalf("% x, %v; want A-ASSOCIATE-AC", head, err)
	}
	if _, err := io.CopyN(io.Discard, c, int64(head[4])<<8|int64(head[5])); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIdle(t *testing.T) {
	s := &Server{Limits: Limits{Idle: time.Minute}}
	inBubble(t, s, func(t *testing.T, p *pipes) {
		raw := associated(t, p)
		b, took := readAll(t, raw)
		if want := abort(0, 0); !bytes.Equal(b, want) || took != time.Minute+10*time.Second {
			t.Errorf("a silent peer got % x after %s; want A-ABORT after a minute, and the end 10 s later", b, took)
		}
	})
}

// TestIdleIsThePeersFault: while an answer is due, silence is ours.
func TestIdleIsThePeersFault(t *testing.T) {
	for _, window := range []uint16{1, 4} {
		s := &Server{Limits: Limits{Idle: time.Minute}, Store: &shelf{wait: func(ctx context.Context, _ *Incoming) error {
			select {
			case <-time.After(10 * time.Minute):
			case <-ctx.Done():
			}
			return ctx.Err()
		}}}
		inBubble(t, s, func(t *testing.T, p *pipes) {
			c := filled(Config{Dial: p.connect, Timeout: time.Hour, Window: window})
			a, err := Dial(t.Context(), "peer", c)
			if err != nil {
				t.Fatal(err)
			}
			_, o := object(1, 300_000)
			if st, err := a.Store(t.Context(), o); err != nil || st != Success {
				t.Errorf("window %d: an object that takes ten minutes: %v, %v", window, st, err)
			}
			time.Sleep(50 * time.Second) // less than a minute since the answer
			if st, err := a.Echo(t.Context()); err != nil || st != Success {
				t.Errorf("window %d: echo 50 s later: %v, %v", window, st, err)
			}
			time.Sleep(2 * time.Minute)
			if _, err := a.Echo(t.Context()); err == nil {
				t.Errorf("window %d: echo after two minutes of silence works", window)
			}
			a.Abort()
			time.Sleep(time.Minute)
		})
	}
}

// TestNoAnswer: a peer that takes the request and says nothing.
func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c := filled(Config{Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }})
		began := time.Now()
		if _, err := Dial(ctx, "peer", c); fault.Of(err) != fault.Unavailable || time.Since(began) != 5*time.Second {
			t.Errorf("dial: %v after %s; want kind unavailable after 5 s", err, time.Since(began))
		}
		time.Sleep(time.Minute) // ARTIM closes the connection
	})
	s := &Server{Store: &shelf{wait: func(ctx context.Context, _ *Incoming) error { <-ctx.Done(); return ctx.Err() }}}
	inBubble(t, s, func(t *testing.T, p *pipes) {
		a, err := Dial(t.Context(), "peer", filled(Config{Dial: p.connect, Timeout: 30 * time.Second}))
		if err != nil {
			t.Fatal(err)
		}
		_, o := object(1, 100)
		began := time.Now()
		if _, err := a.Store(t.Context(), o); fault.Of(err) != fault.Unavailable || time.Since(began) != 30*time.Second {
			t.Errorf("store: %v after %s; want kind unavailable after 30 s", err, time.Since(began))
		}
		time.Sleep(time.Minute)
	})
}
