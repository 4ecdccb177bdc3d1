package mllp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
)

func message(id string) string {
	return "MSH|^~\\&|RIS|FAC|RADAGORA|HERE|20260102030405||ADT^A01|" + id + "|P|2.5\rPID|1||4711\r"
}

// A kept is what a server was given, in order.
type kept struct {
	mu  sync.Mutex
	ids []string
	do  func(id string) error // nil does nothing
}

func (k *kept) keep(_ context.Context, _ mllp.Peer, b []byte) error {
	m, err := hl7.Parse(b, nil)
	if err != nil {
		return err
	}
	id := m.Header().ControlID
	if k.do != nil {
		if err := k.do(id); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids = append(k.ids, id)
	return nil
}

func (k *kept) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.ids...)
}

// counter returns a source of control ids.
func counter() func() string {
	var n atomic.Int64
	return func() string { return "R" + strconv.FormatInt(n.Add(1), 10) }
}

// serve runs a server to the end of the test, or until stop is called, which waits.
func serve(t *testing.T, s *mllp.Server, k *kept) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Now, s.ControlID = time.Now, counter()
	if s.Receiver == nil {
		s.Receiver = mllp.Keeper{Keep: k.keep, Now: time.Now, ControlID: s.ControlID}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// dial opens a plain connection.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// answers reads n answers and returns verdict and control id of each.
func answers(t *testing.T, c net.Conn, n int) []string {
	t.Helper()
	r := bufio.NewReader(c)
	var out []string
	for range n {
		b, err := r.ReadBytes(0x1C)
		if err != nil {
			t.Fatalf("after %v: %v", out, err)
		}
		if cr, err := r.ReadByte(); err != nil || cr != '\r' || b[0] != 0x0B {
			t.Fatalf("a frame that is none: %q", b)
		}
		m, err := hl7.Parse(b[1:len(b)-1], nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := hl7.AckOf(m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(a.Verdict)+" "+a.ControlID)
	}
	return out
}

func TestFraming(t *testing.T) {
	f := func(id string) string { return "\x0B" + message(id) + "\x1C\r" }
	for _, c := range []struct {
		name, in string
		want     []string
		odd      mllp.Odd
	}{
		{"as it should be", f("1") + f("2"), []string{"AA 1", "AA 2"}, mllp.Odd{}},
		{"no CR behind", "\x0B" + message("1") + "\x1C" + f("2"), []string{"AA 1", "AA 2"}, mllp.Odd{Unended: 1}},
		{"LF behind", strings.ReplaceAll(f("1")+f("2"), "\x1C\r", "\x1C\n"), []string{"AA 1", "AA 2"}, mllp.Odd{Unended: 2}},
		{"CR LF behind", strings.ReplaceAll(f("1")+f("2"), "\x1C\r", "\x1C\r\n"), []string{"AA 1", "AA 2"}, mllp.Odd{}},
		{"rubbish before and between", "hello\r\n" + f("1") + "xyz" + f("2"), []string{"AA 1", "AA 2"}, mllp.Odd{Junk: 8}},
		{"begun twice", "\x0BMSH|^~\\&|half" + f("1"), []string{"AA 1"}, mllp.Odd{Restarted: 1}},
		{"what cannot be read is answered", "\x0Bnothing\x1C\r" + "\x0B" + message("1") + "\x00\x1C\r" + f("2"), []string{"AE ", "AE 1", "AA 2"}, mllp.Odd{}},
		{"a line that is no segment", strings.Replace(f("1"), "PID", "Ppy0", 1) + f("2"), []string{"AA 1", "AA 2"}, mllp.Odd{}},
		{"an empty frame", "\x0B\x1C\r" + f("2"), []string{"AE ", "AA 2"}, mllp.Odd{}},
		{"too long", "\x0B" + message("1") + strings.Repeat("x", 9000) + "\x1C\r" + f("2"), []string{"AR 1", "AA 2"}, mllp.Odd{}},
	} {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, slow %v", c.name, slow), func(t *testing.T) {
				var mu sync.Mutex
				var odd mllp.Odd
				s := &mllp.Server{Limits: mllp.Limits{Message: 4000}, Observe: func(_ context.Context, o mllp.Observation) {
					mu.Lock()
					defer mu.Unlock()
					odd.Junk += o.Odd.Junk
					odd.Unended += o.Odd.Unended
					odd.Restarted += o.Odd.Restarted
				}}
				addr, stop := serve(t, s, &kept{})
				conn := dial(t, addr)
				if slow {
					go func() {
						for i := 0; i < len(c.in); i += 7 {
							_, _ = conn.Write([]byte(c.in[i:min(i+7, len(c.in))]))
						}
					}()
				} else if _, err := conn.Write([]byte(c.in)); err != nil {
					t.Fatal(err)
				}
				got := answers(t, conn, len(c.want))
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.ReadAll(conn)
				stop()
				if odd != c.odd {
					t.Errorf("odd %+v; want %+v", odd, c.odd)
				}
			})
		}
	}
}

// TestBadPeers holds that a peer loses its own connection and no other one.
func TestBadPeers(t *testing.T) {
	limits := mllp.Limits{Stall: 200 * time.Millisecond, Whole: time.Second, Junk: 1000, Message: 4000, Write: 300 * time.Millisecond}
	for _, c := range []struct{ name, in string }{
		{"stops inside a message", "\x0BMSH|^~\\&|"},
		{"sends rubbish for ever", strings.Repeat("rubbish", 1000)},
		{"sends a message without end", "\x0BMSH|^~\\&|" + strings.Repeat("x", 200_000)},
		{"speaks HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("x", 2000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, _ := serve(t, &mllp.Server{Limits: limits}, &kept{})
			bad, good := dial(t, addr), dial(t, addr)
			_, _ = bad.Write([]byte(c.in))
			for i := range 5 {
				if _, err := good.Write(mllp.Frame([]byte(message(strconv.Itoa(i))))); err != nil {
					t.Fatal(err)
				}
			}
			want := []string{"AA 0", "AA 1", "AA 2", "AA 3", "AA 4"}
			if diff := cmp.Diff(want, answers(t, good, 5)); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if _, err := io.ReadAll(bad); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

type panics struct{}

func (panics) Receive(context.Context, mllp.Peer, []byte) ([]byte, error) { panic("x") }

func TestPanic(t *testing.T) {
	addr, _ := serve(t, &mllp.Server{Receiver: panics{}}, nil)
	c := dial(t, addr)
	_, _ = c.Write(mllp.Frame([]byte(message("1"))))
	if diff := cmp.Diff([]string{"AE 1"}, answers(t, c, 1)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	var refused atomic.Int64
	s := &mllp.Server{Limits: mllp.Limits{PerAddress: 2, Opens: 4}, Observe: func(_ context.Context, o mllp.Observation) {
		if o.Occasion == mllp.Refused && fault.Of(o.Err) == fault.Exhausted {
			refused.Add(1)
		}
	}}
	addr, _ := serve(t, s, &kept{})
	a, b, c := dial(t, addr), dial(t, addr), dial(t, addr)
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the third connection: %v", err)
	}
	for _, conn := range []net.Conn{a, b} {
		_, _ = conn.Write(mllp.Frame([]byte(message("1"))))
		answers(t, conn, 1)
		_ = conn.Close()
	}
	for refused.Load() < 2 {
		d := dial(t, addr) // at last the address has opened too many
		_ = d.Close()
	}
}

// TestStops holds that a stopping server answers what it works on, and reads no more.
func TestStops(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	k := &kept{do: func(string) error { close(begun); <-release; return nil }}
	addr, stop := serve(t, &mllp.Server{}, k)
	resting, working := dial(t, addr), dial(t, addr)
	_, _ = working.Write(append(mllp.Frame([]byte(message("1"))), mllp.Frame([]byte(message("2")))...))
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	if _, err := io.ReadAll(resting); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	select {
	case <-stopped:
		t.Error("stopped before the answer")
	default:
	}
	close(release)
	if diff := cmp.Diff([]string{"AA 1"}, answers(t, working, 1)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	<-stopped
	if diff := cmp.Diff([]string{"1"}, k.all()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestGraceEnds(t *testing.T) {
	begun := make(chan struct{})
	addr, stop := serve(t, &mllp.Server{Limits: mllp.Limits{Grace: 50 * time.Millisecond}, Receiver: waits{begun}}, nil)
	c := dial(t, addr)
	_, _ = c.Write(mllp.Frame([]byte(message("1"))))
	<-begun
	stop() // returns, because the receiver's context ends
}

// waits is a Receiver that waits for the end of its context.
type waits struct{ begun chan struct{} }

func (w waits) Receive(ctx context.Context, _ mllp.Peer, _ []byte) ([]byte, error) {
	close(w.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestClientKeepsOrder(t *testing.T) {
	k := &kept{}
	addr, _ := serve(t, &mllp.Server{}, k)
	proxy := newBreaker(t, addr)
	c := &mllp.Client{Address: proxy.addr(), Retry: mllp.Retry{Attempts: -1, Wait: time.Millisecond, Longest: 5 * time.Millisecond}}
	defer c.Close()
	var want []string
	for i := range 60 {
		id := strconv.Itoa(i)
		want = append(want, id)
		if i%7 == 3 {
			proxy.breakNext(i % 2 * 5) // before the message got through, or before its answer did
		}
		a, err := c.Send(t.Context(), []byte(message(id)))
		if err != nil || a.Ack.ControlID != id {
			t.Fatalf("message %s: %+v, %v", id, a.Ack, err)
		}
	}
	var got []string // without what came twice
	for _, id := range k.all() {
		if len(got) == 0 || got[len(got)-1] != id {
			got = append(got, id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

// A breaker passes bytes on and breaks connections.
type breaker struct {
	l     net.Listener
	to    string
	after atomic.Int64 // answers' bytes to let through before the break; -1 breaks nothing
}

func newBreaker(t *testing.T, to string) *breaker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{l: l, to: to}
	b.after.Store(-1)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go b.pass(in)
		}
	}()
	return b
}

func (b *breaker) addr() string        { return b.l.Addr().String() }
func (b *breaker) breakNext(after int) { b.after.Store(int64(after)) }

func (b *breaker) pass(in net.Conn) {
	out, err := net.Dial("tcp", b.to)
	if err != nil {
		_ = in.Close()
		return
	}
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		if err != nil {
			break
		}
		if a := b.after.Swap(-1); a >= 0 {
			_, _ = in.Write(buf[:min(int(a), n)])
			break
		}
		if _, err := in.Write(buf[:n]); err != nil {
			break
		}
	}
	_ = in.Close()
	_ = out.Close()
}

// TestClientHears holds what a client makes of answers.
func TestClientHears(t *testing.T) {
	ack := func(verdict, id, code string) string {
		return "\x0BMSH|^~\\&|||||||ACK|9|P|2.5\rMSA|" + verdict + "|" + id + "\rERR|||" + code + "\r\x1C\r"
	}
	enhanced := strings.Replace(message("7"), "|2.5\r", "|2.5|||AL|AL\r", 1)
	application := strings.Replace(message("7"), "|2.5\r", "|2.5|||NE|AL\r", 1)
	silent := strings.Replace(message("7"), "|2.5\r", "|2.5|||NE|NE\r", 1)
	for _, c := range []struct {
		name, message string
		answers       []string // one for each time the message comes
		verdict       hl7.Verdict
		kind          fault.Kind
		times         int
	}{
		{"taken", message("7"), []string{ack("AA", "7", "")}, hl7.Accepted, 0, 1},
		{"another's answer first", message("7"), []string{ack("AA", "6", "") + "\x0Bno HL7\x1C\r" + ack("AA", "7", "")}, hl7.Accepted, 0, 1},
		{"wrong", message("7"), []string{ack("AE", "7", "101")}, hl7.Errored, fault.Invalid, 1},
		{"later, and then taken", message("7"), []string{ack("AR", "7", "207"), ack("AA", "7", "")}, hl7.Accepted, 0, 2},
		{"never of this type", message("7"), []string{ack("AR", "7", "200")}, hl7.Rejected, fault.Invalid, 1},
		{"always later", message("7"), []string{ack("AR", "7", ""), ack("AR", "7", ""), ack("AR", "7", "")}, hl7.Rejected, fault.Unavailable, 3},
		{"enhanced", enhanced, []string{ack("CA", "7", "")}, hl7.CommitAccepted, 0, 1},
		{"enhanced, the application's", application, []string{ack("CA", "7", "") + ack("AA", "7", "")}, hl7.Accepted, 0, 1},
		{"enhanced, none", silent, nil, "", 0, 0},
		{"closed, and then taken", message("7"), []string{"", ack("AA", "7", "")}, hl7.Accepted, 0, 2},
		{"no answer", message("7"), []string{"\x0B", "\x0B", "\x0B"}, "", fault.Unavailable, 3},
		{"an answer too long", message("7"), []string{"\x0B" + strings.Repeat("x", 9000) + "\x1C\r"}, "", fault.Exhausted, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var times atomic.Int64
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						r := bufio.NewReader(conn)
						for {
							if _, err := r.ReadBytes(0x1C); err != nil {
								return
							}
							n := int(times.Add(1)) - 1
							if n >= len(c.answers) || c.answers[n] == "" {
								return
							}
							_, _ = conn.Write([]byte(c.answers[n]))
						}
					}()
				}
			}()
			client := &mllp.Client{
				Address: l.Addr().String(), Retry: mllp.Retry{Wait: time.Millisecond},
				Limits: mllp.Limits{Idle: 10 * time.Second, Stall: 100 * time.Millisecond, Message: 4000},
			}
			defer client.Close()
			a, err := client.Send(t.Context(), []byte(c.message))
			if (err != nil) != (c.kind != 0) || err != nil && fault.Of(err) != c.kind || a.Ack.Verdict != c.verdict {
				t.Errorf("%+v, %v; want %s and %v", a.Ack, err, c.verdict, c.kind)
			}
			if got := int(times.Load()); c.times > 0 && got != c.times {
				t.Errorf("sent %d times; want %d", got, c.times)
			}
		})
	}
	client := &mllp.Client{Address: "127.0.0.1:1", Retry: mllp.Retry{Attempts: 1}}
	if _, err := client.Send(t.Context(), []byte(message(""))); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("without a control id: %v; want invalid", err)
	}
	if _, err := client.Send(t.Context(), []byte(message("1"))); fault.Of(err) != fault.Unavailable {
		t.Errorf("nobody there: %v; want unavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Send(ctx, []byte(message("1"))); fault.Of(err) != fault.Unavailable {
		t.Errorf("cancelled: %v; want unavailable", err)
	}
}

// TestManySenders sends from many connections at once; each keeps its own order.
func TestManySenders(t *testing.T) {
	k := &kept{}
	addr, _ := serve(t, &mllp.Server{Limits: mllp.Limits{Rate: -1}}, k)
	var wg sync.WaitGroup
	for s := range 8 {
		wg.Go(func() {
			c := &mllp.Client{Address: addr}
			defer c.Close()
			for i := range 50 {
				if _, err := c.Send(t.Context(), []byte(message(fmt.Sprintf("%d-%03d", s, i)))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	last := map[string]string{}
	for _, id := range k.all() {
		sender, _, _ := strings.Cut(id, "-")
		if id <= last[sender] {
			t.Errorf("%s came behind %s", id, last[sender])
		}
		last[sender] = id
	}
	if len(k.all()) != 400 {
		t.Errorf("%d messages; want 400", len(k.all()))
	}
}

// TestRate holds that whoever sends too fast waits and loses nothing.
func TestRate(t *testing.T) {
	k := &kept{}
	addr, _ := serve(t, &mllp.Server{Limits: mllp.Limits{Rate: 100}}, k)
	c := &mllp.Client{Address: addr}
	defer c.Close()
	for i := range 130 {
		if _, err := c.Send(t.Context(), []byte(message(strconv.Itoa(i)))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(k.all()); n != 130 {
		t.Errorf("%d messages; want 130", n)
	}
}

// TestPython talks with an independent implementation, both ways.
func TestPython(t *testing.T) {
	if err := exec.Command("/usr/bin/python3", "-c", "import hl7").Run(); err != nil {
		t.Skip("python3-hl7 is not installed")
	}
	k := &kept{}
	addr, _ := serve(t, &mllp.Server{}, k)
	_, port, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/bin/python3", "-u", "-c", `
import sys, hl7, hl7.client
with hl7.client.MLLPClient("127.0.0.1", int(sys.argv[1])) as c:
    for i in range(5):
        m = hl7.parse(sys.argv[2].replace("NUMBER", "py%d" % i))
        a = hl7.parse(c.send_message(m).decode().strip("\x0b\x1c\r") + "\r")
        print(a["MSA"][0][1][0], a["MSA"][0][2][0])
`, port, message("NUMBER")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := "AA py0\nAA py1\nAA py2\nAA py3\nAA py4\n"; string(out) != want {
		t.Errorf("python3-hl7 heard %q; want %q", out, want)
	}
	pythonServes(t)
}

func pythonServes(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-u", "-c", `
import asyncio, hl7, hl7.mllp
async def one(reader, writer):
    try:
        while not writer.is_closing():
            m = await reader.readmessage()
            writer.writemessage(m.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()
async def main():
    async with await hl7.mllp.start_hl7_server(one, port=0, host="127.0.0.1") as s:
        print(s.sockets[0].getsockname()[1])
        await s.serve_forever()
asyncio.run(main())
`)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	defer time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c := &mllp.Client{Address: "127.0.0.1:" + strings.TrimSpace(line)}
	defer c.Close()
	for i := range 5 {
		id := "go" + strconv.Itoa(i)
		a, err := c.Send(t.Context(), []byte(message(id)))
		if err != nil || a.Ack.Verdict != hl7.Accepted || a.Ack.ControlID != id {
			t.Errorf("python3-hl7 answered %+v, %v", a.Ack, err)
		}
	}
}

func TestServerNeedsItsFields(t *testing.T) {
	if err := (&mllp.Server{}).Serve(t.Context(), nil); fault.Of(err) != fault.Internal || errors.Is(err, io.EOF) {
		t.Errorf("%v; want internal", err)
	}
}
