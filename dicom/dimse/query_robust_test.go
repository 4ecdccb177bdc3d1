package dimse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// TestSlowDestination: a destination that says nothing costs its own sub-operations,
// and whoever is served beside notices nothing.
func TestSlowDestination(t *testing.T) {
	stuck := make(chan struct{})
	silent := serve(t, &Server{Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		if in.SOPInstance == uid.Must("1.2.3.2") {
			<-stuck
		}
		_, err := io.Copy(io.Discard, in.Data)
		return nil, err
	})})
	t.Cleanup(func() { close(stuck) })
	g := &giver{objects: things(5, 100), to: silent, config: Config{Timeout: 300 * time.Millisecond, Window: 1}}
	from := serve(t, &Server{Retrieve: g, Find: rows(t, 100, nil)})
	a := dial(t, from, Config{Propose: asking()})
	moved := make(chan Progress, 1)
	go func() {
		p, _ := a.Move(t.Context(), moveClass, "HARNESS", row(t, 1), nil)
		moved <- p
	}()
	b := dial(t, from, Config{Propose: asking()})
	if ids, err := found(b.Find(t.Context(), findClass, row(t, 1))); err != nil || len(ids) != 100 {
		t.Errorf("meanwhile: %d, %v", len(ids), err)
	}
	if p := <-moved; p.Status != SomeFailed || p.Completed != 2 || p.Failed != 3 || len(p.Failures) != 3 {
		t.Errorf("moved: %+v", p)
	}
	if st, err := a.Echo(t.Context()); err != nil || st != Success {
		t.Errorf("echo afterwards: %v, %v", st, err)
	}
}

// TestRequestorVanishes in the middle of what it asked for: everything ends.
func TestRequestorVanishes(t *testing.T) {
	for _, name := range []string{"C-FIND", "C-MOVE", "C-GET"} {
		t.Run(name, func(t *testing.T) {
			ended, begun := make(chan Observation, 9), make(chan struct{}, 1000)
			slow := storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
				begun <- struct{}{}
				_, err := io.Copy(io.Discard, in.Data)
				return nil, err
			})
			finder := rows(t, 1<<20, nil)
			g := &giver{objects: things(500, 10_000), to: serve(t, &Server{Store: slow})}
			server := &Server{Find: finder, Retrieve: g, Observe: func(_ context.Context, o Observation) {
				if o.Occasion != Associated && o.Occasion != Stored {
					ended <- o
				}
			}}
			a := dial(t, serve(t, server), getting(slow, 0))
			go func() {
				switch name {
				case "C-FIND":
					for range a.Find(t.Context(), findClass, row(t, 1)) {
						begun <- struct{}{}
						<-a.over
					}
				case "C-MOVE":
					_, _ = a.Move(t.Context(), moveClass, "HARNESS", row(t, 1), nil)
				default:
					_, _ = a.Get(t.Context(), getClass, row(t, 1), nil)
				}
			}()
			<-begun
			a.Abort()
			if o := <-ended; o.Occasion == Aborted || o.Err == nil {
				t.Errorf("observed %+v", o)
			}
			if o := <-ended; o.Occasion != Aborted {
				t.Errorf("observed %+v", o)
			}
		})
	}
}

// TestBadAnswers is a provider that answers what it should not. The user must end, with
// an error, and the association with it where the protocol was broken.
func TestBadAnswers(t *testing.T) {
	good, err := encode(row(t, 1), Context{TransferSyntax: uid.ExplicitVRLittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	find := func(status Status, data bool) []byte {
		return (&command{field: cFindRQ | response, respondedTo: 1, status: status, dataSet: data}).encode()
	}
	for _, c := range []struct {
		name   string
		answer []byte
		kind   fault.Kind
		rows   int
	}{
		{"success at once", value(1, 3, find(Success, false)), 0, 0},
		{"two and then success", join(value(1, 3, find(Pending, true)), value(1, 2, good), value(1, 3, find(PendingWarning, true)), value(1, 2, good), value(1, 3, find(Success, false))), 0, 2},
		{"pending without an identifier", value(1, 3, find(Pending, false)), fault.Invalid, 0},
		{"an identifier that is none", join(value(1, 3, find(Pending, true)), value(1, 2, []byte("no data set at all"))), fault.Invalid, 0},
		{"an identifier larger than we take", join(value(1, 3, find(Pending, true)), value(1, 2, make([]byte, 5000))), fault.Exhausted, 0},
		{"a failure with an identifier", join(value(1, 3, find(0xc001, true)), value(1, 2, good)), fault.Invalid, 0},
		{"an answer to nothing", value(1, 3, (&command{field: cFindRQ | response, respondedTo: 9}).encode()), fault.Invalid, 0},
		{"a context that was not accepted", value(9, 3, find(Success, false)), fault.Invalid, 0},
		{"a request in our role", value(1, 3, (&command{field: cFindRQ, messageID: 5}).encode()), fault.Unavailable, 0},
		{"a C-STORE that nobody takes", join(value(1, 3, storeCommand), value(1, 2, []byte("data"))), fault.Unavailable, 0},
		{"an event that nobody hears", value(1, 3, (&command{field: nEventRQ, messageID: 5, affectedClass: "1.2", affectedInstance: "1.3"}).encode()), fault.Unavailable, 0},
		{"a cancel of nothing", value(1, 3, (&command{field: cCancelRQ, respondedTo: 7}).encode()), fault.Unavailable, 0},
		{"half a command", value(1, 1, find(Success, false)[:9]), fault.Unavailable, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := dial(t, answering(t, pdu(dataTF, c.answer)), Config{
				Propose: []Proposal{{findClass, queryTypes[:1]}}, Patience: 500 * time.Millisecond, Limits: Limits{Identifier: 4096},
			})
			ids, err := found(a.Find(t.Context(), findClass, row(t, 1)))
			if len(ids) != c.rows || (err == nil) != (c.kind == 0) || err != nil && fault.Of(err) != c.kind {
				t.Errorf("%d rows, %v of kind %v; want %d, kind %v", len(ids), err, fault.Of(err), c.rows, c.kind)
			}
		})
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// answering is a peer that accepts one context and answers the first message with what
// it is told to.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := onePDU(conn); err != nil {
			return
		}
		_, _ = conn.Write((&associate{
			version: 1, called: "A", calling: "B", application: applicationContext,
			contexts: []contextItem{{id: 1, syntaxes: []string{uid.ExplicitVRLittleEndian.String()}}},
			user:     userInfo{maxLength: 65536, classUID: "1.2.3"},
		}).encode(associateAC))
		if _, err := onePDU(conn); err != nil {
			return
		}
		_, _ = conn.Write(answer)
		_, _ = io.Copy(io.Discard, conn)
	}()
	return l.Addr().String()
}

// fuzzRQ is an association request with a context for each kind of service.
func fuzzRQ() []byte {
	explicit := []string{uid.ExplicitVRLittleEndian.String()}
	rq := &associate{version: 1, called: "ARCHIVE", calling: "BAD", application: applicationContext, user: userInfo{maxLength: 16384, classUID: "1.2.3"}}
	for i, class := range []uid.UID{findClass, moveClass, getClass, uid.CTImageStorage, commitment, uid.ModalityWorklistInformationModelFind} {
		rq.contexts = append(rq.contexts, contextItem{id: uint8(2*i + 1), abstract: class.String(), syntaxes: explicit})
	}
	rq.user.roles = []role{{uid.CTImageStorage.String(), true, true}}
	rq.user.async = &window{invoked: 4, performed: 4}
	rq.user.extended = []extended{{findClass.String(), []byte{1, 1, 1}}}
	rq.user.common = []commonExtended{{class: "1.2.3", service: "1.2.840.10008.4.2", related: []string{"1.2.4"}}}
	return rq.encode(associateRQ)
}

// FuzzOperations sends anything at all to who performs every operation: no panic, and
// an end.
func FuzzOperations(f *testing.F) {
	id, err := encode(row(f, 1), Context{TransferSyntax: uid.ExplicitVRLittleEndian})
	if err != nil {
		f.Fatal(err)
	}
	message := func(pc byte, c command, data []byte) []byte {
		c.dataSet = data != nil
		b := value(pc, 3, c.encode())
		if data != nil {
			b = append(b, value(pc, 2, data)...)
		}
		return pdu(dataTF, b)
	}
	f.Add(message(1, command{field: cFindRQ, messageID: 1}, id))
	f.Add(append(message(1, command{field: cFindRQ, messageID: 1}, id), message(1, command{field: cCancelRQ, respondedTo: 1}, nil)...))
	f.Add(message(3, command{field: cMoveRQ, messageID: 2, destination: "HARNESS"}, id))
	f.Add(append(message(5, command{field: cGetRQ, messageID: 3}, id), message(7, command{field: cStoreRQ | response, respondedTo: 1}, nil)...))
	f.Add(message(9, command{field: nActionRQ, messageID: 4, requestedClass: commitment.String(), requestedInstance: "1.2.3", actionType: 1}, id))
	f.Add(append(message(9, command{field: nActionRQ, messageID: 4, requestedClass: commitment.String(), requestedInstance: "1.2.3"}, nil), message(9, command{field: nEventRQ | response, respondedTo: 1}, nil)...))
	f.Add(message(11, command{field: cFindRQ, messageID: 1}, id[:len(id)-3]))
	f.Add(message(9, command{field: nGetRQ, messageID: 4, requestedClass: commitment.String(), requestedInstance: "1.2.3", attributes: []tag.Tag{1, 2}}, nil))
	p := newPipes()
	scp := normalFunc(func(_ context.Context, r *Request) (*Reply, error) {
		return &Reply{Dataset: r.Dataset, Then: func(ctx context.Context, same Normal) {
			_, _ = same.Do(ctx, &Request{Operation: EventReport, SOPClass: r.SOPClass, Context: r.Context, SOPInstance: r.SOPInstance})
		}}, nil
	})
	s := &Server{
		Now: time.Now, Log: slog.New(alarm{f}), Store: &shelf{}, Find: rows(f, 3, nil), Worklist: rows(f, 3, fault.Errorf(fault.Invalid, "no")),
		Retrieve: &giver{objects: things(3, 100), to: "127.0.0.1:1"}, Normal: map[uid.UID]Normal{commitment: scp}, Events: map[uid.UID]Normal{commitment: scp},
		Limits: Limits{ARTIM: time.Second, Whole: 20 * time.Millisecond, Idle: 50 * time.Millisecond, Associations: 1000, PerPeer: 1000, Identifier: 1 << 16},
	}
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
		go func() { _, _ = c.Write(fuzzRQ()) }()
		if b, err := onePDU(c); err != nil || pduType(b[0]) != associateAC {
			t.Fatalf("% x, %v; want A-ASSOCIATE-AC", b, err)
		}
		go func() {
			_, _ = c.Write(stream)
			_, _ = c.Write(short(releaseRQ, [4]byte{}))
		}()
		for {
			b, err := onePDU(c)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				t.Fatal("the connection stays open")
			case err != nil:
				return
			case pduType(b[0]) == releaseRP || pduType(b[0]) == abortPDU:
				return
			}
		}
	})
}
