package dimse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// raw opens a connection to addr.
func raw(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// rq is an association request with two contexts: 1 Verification, 3 CT.
func rq() []byte {
	return (&associate{
		version: 1, called: "ARCHIVE", calling: "BAD", application: applicationContext,
		contexts: []contextItem{
			{id: 1, abstract: "1.2.840.10008.1.1", syntaxes: []string{"1.2.840.10008.1.2"}},
			{id: 3, abstract: "1.2.840.10008.5.1.4.1.1.2", syntaxes: []string{"1.2.840.10008.1.2.1"}},
		},
		user: userInfo{maxLength: 16384, classUID: "1.2.3"},
	}).encode(associateRQ)
}

// pdu frames a body.
func pdu(kind pduType, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{byte(kind), 0}, uint32(len(body))), body...)
}

// value frames a fragment.
func value(context, control byte, data []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(data)+2)), context, control), data...)
}

var (
	storeCommand = (&command{field: cStoreRQ, messageID: 1, affectedClass: "1.2.840.10008.5.1.4.1.1.2", affectedInstance: "1.2.3", dataSet: true}).encode()
	echoCommand  = (&command{field: cEchoRQ, messageID: 1, affectedClass: "1.2.840.10008.1.1"}).encode()
)

// TestBadPeers does to a server what no peer should, and looks what it answers and
// whether others notice.
func TestBadPeers(t *testing.T) {
	s := &shelf{}
	door := func(artim, whole time.Duration) string {
		return serve(t, &Server{AETitle: "ARCHIVE", Store: s, Limits: Limits{ARTIM: artim, Whole: whole, Object: 1 << 20}})
	}
	patient := door(time.Minute, time.Minute)
	hurried := map[string]string{ // where time has to run out
		"half a request": door(300*time.Millisecond, time.Minute),
		"half a PDU":     door(time.Minute, 300*time.Millisecond),
	}
	good := dial(t, patient, Config{})
	abortedFor := func(reason uint8) []byte { return abort(2, reason) }
	user := abort(0, 0)
	echoed := []byte{byte(dataTF)}
	for _, c := range []struct {
		name string
		send [][]byte // before an association; with nil first, within one
		want []byte   // last PDU, or its beginning; nil is that the connection ends without a word
	}{
		{"a web browser", [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, user},
		{"noise", [][]byte{noise(2000)}, user},
		{"a request of four gigabytes", [][]byte{{1, 0, 255, 255, 255, 255}}, user},
		{"a request of 65,537 bytes", [][]byte{{1, 0, 0, 1, 0, 1}}, user},
		{"an unknown PDU", [][]byte{{0x55, 0, 0, 0, 0, 4, 1, 2, 3, 4}}, user},
		{"a request that ends within a title", [][]byte{pdu(associateRQ, []byte("\x00\x01\x00\x00ARCH"))}, user},
		{"half a request", [][]byte{rq()[:100]}, nil}, // ARTIM
		{"data before the request", [][]byte{pdu(dataTF, value(1, 3, echoCommand))}, user},
		{"release before the request", [][]byte{short(releaseRQ, [4]byte{})}, user},
		{"abort before the request", [][]byte{abort(0, 0)}, nil},
		{"protocol version 0", [][]byte{pdu(associateRQ, append([]byte{0, 0}, rq()[8:]...))}, ErrVersion.encode()},
		{"another application", [][]byte{bytes.Replace(rq(), []byte("1.2.840.10008.3.1.1.1"), []byte("1.2.840.10008.3.1.1.9"), 1)}, ErrApplication.encode()},

		{"a second request", [][]byte{nil, rq()}, abortedFor(abortUnexpected)},
		{"an acceptance", [][]byte{nil, pdu(associateAC, rq()[6:])}, abortedFor(abortUnexpected)},
		{"a release response", [][]byte{nil, short(releaseRP, [4]byte{})}, abortedFor(abortUnexpected)},
		{"an unknown PDU within", [][]byte{nil, {9, 0, 0, 0, 0, 0}}, abortedFor(abortUnrecognized)},
		{"a PDU larger than we take", [][]byte{nil, {4, 0, 0, 2, 0, 7}}, abortedFor(abortInvalidContent)},
		{"half a PDU", [][]byte{nil, {4, 0, 0, 0, 1, 0, 0, 0}}, abortedFor(abortNoReason)},
		{"a release of a gigabyte", [][]byte{nil, {5, 0, 64, 0, 0, 0}}, abortedFor(abortInvalidContent)},
		{"a release of two bytes", [][]byte{nil, pdu(releaseRQ, []byte{0, 0})}, abortedFor(abortInvalidContent)},
		{"a PDU without values", [][]byte{nil, pdu(dataTF, nil)}, abortedFor(abortInvalidContent)},
		{"a value longer than its PDU", [][]byte{nil, pdu(dataTF, []byte{0, 0, 1, 0, 1, 3, 1, 2})}, abortedFor(abortInvalidContent)},
		{"an even presentation context", [][]byte{nil, pdu(dataTF, value(2, 3, echoCommand))}, abortedFor(abortInvalidContent)},
		{"a good value before a bad one", [][]byte{nil, pdu(dataTF, append(value(1, 3, echoCommand), 0, 0, 1))}, abortedFor(abortInvalidContent)},
		{"a presentation context nobody proposed", [][]byte{nil, pdu(dataTF, value(99, 3, echoCommand))}, user},
		{"data without a command", [][]byte{nil, pdu(dataTF, value(3, 2, []byte("data")))}, user},
		{"a command that is none", [][]byte{nil, pdu(dataTF, value(1, 3, noise(100)))}, user},
		{"a command without end", [][]byte{nil, bytes.Repeat(pdu(dataTF, value(1, 1, make([]byte, 10_000))), 8)}, user},
		{"a response to nothing", [][]byte{nil, pdu(dataTF, value(1, 3, (&command{field: cEchoRQ | response}).encode()))}, user},
		{"a command within a data set", [][]byte{nil, pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(3, 0, []byte("data"))), pdu(dataTF, value(1, 3, echoCommand))}, user},
		{"a data set in another presentation context", [][]byte{nil, pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(1, 2, []byte("data")))}, user},
		{"release within a message", [][]byte{nil, pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(3, 0, []byte("data"))), short(releaseRQ, [4]byte{})}, user},
		{"release within a command", [][]byte{nil, pdu(dataTF, value(3, 1, storeCommand[:20])), short(releaseRQ, [4]byte{})}, user},
		{"abort within a message", [][]byte{nil, pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(3, 0, []byte("data"))), abort(0, 0)}, nil},
		{"odd control bits", [][]byte{nil, pdu(dataTF, value(1, 0xff, echoCommand))}, echoed},
		{"a command in one-byte fragments", [][]byte{nil, crumbs(echoCommand)}, echoed},
		{"command and data in one PDU", [][]byte{nil, pdu(dataTF, append(value(3, 3, storeCommand), value(3, 2, []byte("data"))...))}, echoed},
		{"release", [][]byte{nil, short(releaseRQ, [4]byte{})}, short(releaseRP, [4]byte{})},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr := patient
			if hurried[c.name] != "" {
				addr = hurried[c.name]
			}
			conn := raw(t, addr)
			if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			for _, b := range c.send {
				if b == nil {
					begin(t, conn)
					continue
				}
				if _, err := conn.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			var last []byte
			for {
				p, err := onePDU(conn)
				if err != nil {
					break
				}
				if last = p; c.want != nil && bytes.HasPrefix(p, c.want) {
					break
				}
			}
			if !bytes.HasPrefix(last, c.want) || c.want == nil && last != nil {
				t.Errorf("got % x; want % x", last, c.want)
			}
		})
	}
	t.Cleanup(func() {
		if st, err := good.Echo(context.Background()); err != nil || st != Success {
			t.Errorf("the good peer: %v, %v", st, err)
		}
		if s.count() != 1 {
			t.Errorf("%d objects were stored; want the one that came in one PDU", s.count())
		}
	})
}

// begin associates by rq.
func begin(t *testing.T, conn net.Conn) {
	t.Helper()
	if _, err := conn.Write(rq()); err != nil {
		t.Fatal(err)
	}
	if p, err := onePDU(conn); err != nil || pduType(p[0]) != associateAC {
		t.Fatalf("% x, %v; want A-ASSOCIATE-AC", p, err)
	}
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32()) | 0x80
	}
	return b
}

// crumbs fragments a command into single bytes, three to a PDU.
func crumbs(c []byte) []byte {
	var out, body []byte
	for i, b := range c {
		control := byte(bitCommand)
		if i == len(c)-1 {
			control |= bitLast
		}
		body = append(body, value(1, control, []byte{b})...)
		if i%3 == 2 || i == len(c)-1 {
			out, body = append(out, pdu(dataTF, body)...), nil
		}
	}
	return out
}

func onePDU(r io.Reader) ([]byte, error) {
	head := make([]byte, headerLength)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[2:]))
	_, err := io.ReadFull(r, body)
	return append(head, body...), err
}

// TestAcceptance reads the A-ASSOCIATE-AC for a request with everything in it.
func TestAcceptance(t *testing.T) {
	request := full()
	request.contexts = append(request.contexts,
		contextItem{id: 3, abstract: "1.2.840.10008.5.1.4.1.1.2", syntaxes: []string{"1.2.3.9", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"}},
		contextItem{id: 5, abstract: "1.2.840.10008.5.1.4.1.1.2", syntaxes: []string{"1.2.3.9"}})
	request.user.roles = []role{{class: "1.2.840.10008.5.1.4.1.1.2", scu: true, scp: true}, {class: "1.2.3", scp: true}}
	conn := raw(t, serve(t, &Server{Store: &shelf{}}))
	if _, err := conn.Write(request.encode(associateRQ)); err != nil {
		t.Fatal(err)
	}
	b, err := onePDU(conn)
	if err != nil || pduType(b[0]) != associateAC {
		t.Fatalf("% x, %v; want A-ASSOCIATE-AC", b, err)
	}
	got, err := parseAssociate(associateAC, b[headerLength:])
	if err != nil {
		t.Fatal(err)
	}
	implicit := []string{"1.2.840.10008.1.2"}
	want := &associate{
		version: 1, called: "ARCHIVE", calling: "CT 1", application: applicationContext,
		contexts: []contextItem{
			{id: 1, syntaxes: implicit},
			{id: 255, result: AbstractSyntaxNotSupported, syntaxes: implicit},
			{id: 3, syntaxes: []string{"1.2.840.10008.1.2.1"}},
			{id: 5, result: TransferSyntaxesNotSupported, syntaxes: implicit},
		},
		user: ourInfo(Limits{}.Filled()),
	}
	want.user.async = &window{invoked: 8, performed: 1}
	want.user.roles = []role{{class: "1.2.840.10008.5.1.4.1.1.2", scu: true}}
	if d := cmp.Diff(want, got, unexported); d != "" {
		t.Errorf("acceptance (-want +got)\n%s", d)
	}
}

// TestIdleConnections: a thousand connections that say nothing, and peers beside
// them that work.
func TestIdleConnections(t *testing.T) {
	addr := serve(t, &Server{Store: &shelf{}, Limits: Limits{Connections: 100, ARTIM: 10 * time.Minute}})
	early := dial(t, addr, Config{})
	silent := make([]net.Conn, 1000)
	for i := range silent {
		silent[i] = raw(t, addr)
	}
	if err := silent[0].SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent[0].Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the oldest of 1,000 is not cut: %v", err) // long before ARTIM
	}
	for i := range 20 {
		began := time.Now()
		a := dial(t, addr, Config{})
		_, o := object(i, 200_000)
		if st, err := a.Store(t.Context(), o); err != nil || st != Success {
			t.Fatalf("store: %v, %v", st, err)
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("a good peer needed %s", took)
		}
	}
	if st, err := early.Echo(t.Context()); err != nil || st != Success {
		t.Errorf("an association from before: %v, %v", st, err)
	}
}

// TestIdleConnectionsCostLittle measures what a silent connection holds.
func TestIdleConnectionsCostLittle(t *testing.T) {
	addr := serve(t, &Server{Limits: Limits{ARTIM: time.Minute}})
	before := heap()
	const n = 400
	for range n {
		raw(t, addr)
	}
	time.Sleep(100 * time.Millisecond)
	if each := (heap() - before) / n; each > 40<<10 {
		t.Errorf("a silent connection holds %d bytes of this process; want at most 40 KB for both ends", each)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// TestMemoryIsBounded sends an object of 256 MB to a server and looks at what that
// takes.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	a := dial(t, serve(t, &Server{Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		_, err := io.Copy(io.Discard, in.Data)
		return nil, err
	})}), Config{})
	_, o := object(1, 1)
	o.Data = io.LimitReader(zeros{}, 256<<20)
	before := heap()
	if st, err := a.Store(t.Context(), o); err != nil || st != Success {
		t.Fatalf("store: %v, %v", st, err)
	}
	if grew := heap() - before; grew > 8<<20 {
		t.Errorf("an object of 256 MB left %d bytes behind", grew)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestNothingIsLeft: goroutines end with their connections.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("server", func(t *testing.T) {
		addr := serve(t, &Server{Store: &shelf{}, Limits: Limits{ARTIM: 5 * time.Second}})
		for i := range 20 {
			a, err := Dial(t.Context(), addr, filled(Config{Limits: Limits{ARTIM: 5 * time.Second}}))
			if err != nil {
				t.Fatal(err)
			}
			_, o := object(i, 1000)
			if _, err := a.Store(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				a.Abort()
			} else if err := a.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		_, err := Dial(t.Context(), "127.0.0.1:1", filled(Config{}))
		if err == nil {
			t.Error("nobody listens there")
		}
	})
	for range 3000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
}

// FuzzSession sends anything at all on an association: no panic, no success for what
// was not whole, and an end.
func FuzzSession(f *testing.F) {
	f.Add(pdu(dataTF, value(1, 3, echoCommand)))
	f.Add(append(pdu(dataTF, append(value(3, 3, storeCommand), value(3, 2, []byte("data"))...)), short(releaseRQ, [4]byte{})...))
	f.Add(append(pdu(dataTF, value(3, 3, storeCommand)), pdu(dataTF, value(3, 0, []byte("data")))...))
	f.Add(append(pdu(dataTF, value(1, 1, echoCommand[:9])), abort(0, 0)...))
	p := newPipes()
	s := &Server{Now: time.Now, Log: slog.New(alarm{f}), Store: &shelf{}, Limits: Limits{ARTIM: 10 * time.Second, Associations: 1000, PerPeer: 1000}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, p) }()
	f.Cleanup(func() {
		cancel()
		<-done
	})
	f.Fuzz(func(t *testing.T, stream []byte) {
		c, _ := p.connect(t.Context(), "", "")
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.Write(rq()) }()
		if b, err := onePDU(c); err != nil || pduType(b[0]) != associateAC {
			t.Fatalf("% x, %v; want A-ASSOCIATE-AC", b, err)
		}
		go func() {
			_, _ = c.Write(stream)
			c.Close()
		}()
		for {
			if _, err := onePDU(c); err != nil {
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("the connection stays open")
				}
				return
			}
		}
	})
}

// alarm is a log handler that takes a panic for a failure.
type alarm struct{ t testing.TB }

func (alarm) Enabled(context.Context, slog.Level) bool { return true }
func (a alarm) WithAttrs([]slog.Attr) slog.Handler     { return a }
func (a alarm) WithGroup(string) slog.Handler          { return a }
func (a alarm) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "panic" {
		panic("the server caught a panic")
	}
	return nil
}
