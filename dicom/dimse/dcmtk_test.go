package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Real peers: dcmtk, with the small files that come with pydicom.

// tool runs a command of dcmtk and returns what it said.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s not found: install dcmtk", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	return string(out), err
}

// A specimen is a file on disk, as this package sends it.
type specimen struct {
	path string
	Outgoing
	data []byte
}

// specimens returns the files of pydicom that can be stored, each instance once.
func specimens(t *testing.T) []specimen {
	t.Helper()
	files, err := filepath.Glob("/usr/lib/python3/dist-packages/pydicom/data/test_files/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("no test files: install python3-pydicom")
	}
	seen := map[uid.UID]bool{}
	var all []specimen
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil || f.Meta.UID(tag.TransferSyntaxUID).IsZero() {
			continue
		}
		o := Outgoing{SOPClass: f.UID(tag.SOPClassUID), SOPInstance: f.UID(tag.SOPInstanceUID), TransferSyntax: f.TransferSyntax}
		if !uid.IsStorage(o.SOPClass) || o.SOPInstance.IsZero() || seen[o.SOPInstance] {
			continue
		}
		seen[o.SOPInstance] = true
		all = append(all, specimen{path, o, b[f.Start:]})
	}
	if len(all) < 30 {
		t.Fatalf("only %d of %d files can be sent", len(all), len(files))
	}
	return all
}

// A keeper is a Storer that keeps whole objects.
type keeper struct {
	mu  sync.Mutex
	got map[uid.UID][]byte
	how map[uid.UID]uid.UID
}

func (k *keeper) Store(_ context.Context, in *Incoming) (func(context.Context) error, error) {
	b, err := io.ReadAll(in.Data)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.got == nil {
		k.got, k.how = map[uid.UID][]byte{}, map[uid.UID]uid.UID{}
	}
	k.got[in.SOPInstance], k.how[in.SOPInstance] = b, in.TransferSyntax
	return nil, nil
}

func (k *keeper) take(u uid.UID) ([]byte, uid.UID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.got[u], k.how[u]
}

func host(t *testing.T, addr string) []string {
	t.Helper()
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return []string{h, p}
}

func TestEchoscu(t *testing.T) {
	addr := serve(t, &Server{AETitle: "ARCHIVE", Accept: func(_ context.Context, p *Peer) error {
		if p.CallingAE == "STRANGER" {
			return fault.Errorf(fault.Forbidden, "not on the list")
		}
		return nil
	}})
	peer := host(t, addr)
	for _, c := range []struct {
		name string
		args []string
		want string // in what it says; "" is success
	}{
		{"plain", []string{"-aec", "ARCHIVE"}, ""},
		{"35 transfer syntaxes, 40 contexts, ten times", []string{"-aec", "ARCHIVE", "-pts", "35", "-ppc", "40", "--repeat", "10"}, ""},
		{"smallest PDU", []string{"-aec", "ARCHIVE", "-pdu", "4096"}, ""},
		{"abort", []string{"-aec", "ARCHIVE", "--abort"}, ""},
		{"called title", []string{"-aec", "ELSEWHERE"}, "Called AE Title Not Recognized"},
		{"calling title", []string{"-aec", "ARCHIVE", "-aet", "STRANGER"}, "Calling AE Title Not Recognized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := tool(t, "echoscu", append(c.args, peer...)...)
			if (err == nil) != (c.want == "") || !strings.Contains(out, c.want) {
				t.Errorf("%v: %s; want %q", err, out, c.want)
			}
		})
	}
}

// proposals are storescu's options for transfer syntaxes it does not propose alone.
var proposals = map[uid.UID]string{
	uid.ImplicitVRLittleEndian: "-xi", uid.ExplicitVRLittleEndian: "-xe", uid.ExplicitVRBigEndian: "-xb",
	uid.DeflatedExplicitVRLittleEndian: "-xd", uid.RLELossless: "-xr",
	uid.JPEGBaseline8Bit: "-xy", uid.JPEGExtended12Bit: "-xx", uid.JPEGLosslessSV1: "-xs",
	uid.JPEGLSLossless: "-xt", uid.JPEGLSNearLossless: "-xu", uid.JPEG2000Lossless: "-xv", uid.JPEG2000: "-xw",
}

// TestStorescu sends every file in its own transfer syntax, which must be kept, and
// compares the pixels; dcmtk writes the other elements its own way.
func TestStorescu(t *testing.T) {
	k := &keeper{}
	peer := host(t, serve(t, &Server{Store: k}))
	sent := map[uid.UID]int{}
	for _, s := range specimens(t) {
		option, ok := proposals[s.TransferSyntax]
		if !ok {
			continue
		}
		out, err := tool(t, "storescu", append(append([]string{"-R", option}, peer...), s.path)...)
		got, how := k.take(s.SOPInstance)
		if err != nil && got == nil {
			t.Logf("%s: storescu does not send it: %s", filepath.Base(s.path), strings.TrimSpace(out))
			continue
		}
		if how != s.TransferSyntax {
			t.Errorf("%s came in %s; it is in %s", filepath.Base(s.path), how, s.TransferSyntax)
			continue
		}
		sent[how]++
		if a, b := pixels(t, s.data, how), pixels(t, got, how); !bytes.Equal(a, b) {
			t.Errorf("%s: %d bytes of pixels came as %d others", filepath.Base(s.path), len(a), len(b))
		}
	}
	t.Logf("sent by transfer syntax: %v", sent)
	if len(sent) < 8 {
		t.Errorf("only %d transfer syntaxes were sent", len(sent))
	}
}

// pixels returns the native Pixel Data of a data set; nil if it has none.
func pixels(t *testing.T, data []byte, syntax uid.UID) []byte {
	t.Helper()
	f, err := dicom.ReadDataset(bytes.NewReader(data), syntax, nil)
	if err != nil {
		return nil
	}
	e, ok := f.Element(tag.PixelData)
	if !ok || e.Encapsulated() {
		return nil
	}
	b, err := e.Bytes()
	if err != nil {
		return nil
	}
	return b
}

func TestStorescuOptions(t *testing.T) {
	k := &keeper{}
	var mu sync.Mutex
	var last Peer
	server := &Server{Store: k, Accept: func(_ context.Context, p *Peer) error {
		mu.Lock()
		defer mu.Unlock()
		last = *p
		return nil
	}}
	peer := host(t, serve(t, server))
	var files []string
	for _, s := range specimens(t) {
		if s.TransferSyntax == uid.ExplicitVRLittleEndian || s.TransferSyntax == uid.ImplicitVRLittleEndian {
			files = append(files, s.path)
		}
	}
	for _, c := range []struct {
		name string
		args []string
		fine bool
	}{
		{"many files, combined proposals", []string{"+C", "-nh"}, true},
		{"all storage classes it knows", []string{"-nh"}, true},
		{"smallest PDU both ways", []string{"-R", "-nh", "-pdu", "4096", "--max-send-pdu", "4096"}, true},
		{"largest PDU", []string{"-R", "-nh", "-pdu", "131072", "--max-send-pdu", "131072"}, true},
		{"repeated", []string{"-R", "-nh", "--repeat", "20"}, true},
		{"abort instead of release", []string{"-R", "-nh", "--abort"}, true},
		{"with an identity", []string{"-R", "-nh", "-usr", "user", "-pwd", "secret"}, true},
		{"an identity that wants an answer we do not give", []string{"-R", "-usr", "user", "-pwd", "secret", "-rsp"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := tool(t, "storescu", append(append(c.args, peer...), files...)...)
			if (err == nil) != c.fine {
				t.Errorf("%v: %s", err, out)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(c.name, "identity") {
				return
			}
			if last.Identity == nil || string(last.Identity.Primary) != "user" || string(last.Identity.Secondary) != "secret" {
				t.Error("the identity did not come")
			} else if s := fmt.Sprintf("%v %+v %#v", last.Identity, last, *last.Identity); strings.Contains(s, "secret") {
				t.Errorf("the identity prints its secret: %s", s)
			}
		})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.got) < len(files)-5 {
		t.Errorf("%d of %d instances came", len(k.got), len(files))
	}
}

// TestStorescuDies kills the sender in the middle of an object.
func TestStorescuDies(t *testing.T) {
	path, err := exec.LookPath("storescu")
	if err != nil {
		t.Skip("storescu not found: install dcmtk")
	}
	begun, result := make(chan struct{}), make(chan error, 1)
	addr := serve(t, &Server{Limits: Limits{PDU: 4096}, Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
		if _, err := io.ReadFull(in.Data, make([]byte, 8<<10)); err != nil {
			return nil, err
		}
		close(begun)
		time.Sleep(200 * time.Millisecond)
		_, err := io.Copy(io.Discard, in.Data)
		result <- err
		return nil, err
	})})
	large := filepath.Join(t.TempDir(), "large.dcm")
	if err := os.WriteFile(large, largeFile(t, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append(append([]string{"-R"}, host(t, addr)...), large)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if err := <-result; fault.Of(err) != fault.Unavailable {
		t.Errorf("the rest of the object: %v; want kind unavailable", err)
	}
	if out, err := tool(t, "echoscu", host(t, addr)...); err != nil {
		t.Errorf("echo afterwards: %v: %s", err, out)
	}
}

// largeFile returns a CT file with n bytes of pixels.
func largeFile(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	ds, err := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, uid.Must("1.2.3.4.5")).
		Text(tag.PatientName, "Test^Large").Int(tag.Rows, 4096).Int(tag.Columns, int64(n/4096/2)).
		Int(tag.BitsAllocated, 16).Int(tag.SamplesPerPixel, 1).
		Bytes(tag.PixelData, 0x4f57, make([]byte, n)).Dataset()
	if err == nil {
		err = dicom.WriteFile(&b, ds, uid.ExplicitVRLittleEndian)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// storescp starts dcmtk's receiver and returns its address and folder.
func storescp(t *testing.T, args ...string) (string, string) {
	t.Helper()
	path, err := exec.LookPath("storescp")
	if err != nil {
		t.Skip("storescp not found: install dcmtk")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, append(append([]string{"-od", dir, "-aet", "STORESCP"}, args...), host(t, addr)[1])...)
	cmd.Env = append(os.Environ(), "TCP_NODELAY=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	for range 3000 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return addr, dir
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("storescp does not listen")
	return "", ""
}

// TestToStorescp sends every file to dcmtk, which writes the data sets as they come.
func TestToStorescp(t *testing.T) {
	for _, pdu := range []string{"4096", "131072"} {
		addr, dir := storescp(t, "+xa", "+B", "-pdu", pdu)
		all := specimens(t)
		var propose []Proposal
		for _, s := range all {
			p := Proposal{s.SOPClass, []uid.UID{s.TransferSyntax}}
			if !hasProposal(propose, p) {
				propose = append(propose, p)
			}
		}
		a := dial(t, addr, Config{Called: "STORESCP", Propose: propose, Window: 8})
		if a.Window() != 1 {
			t.Errorf("storescp agreed to a window of %d", a.Window())
		}
		sent := 0
		for _, s := range all {
			s.Data = bytes.NewReader(s.data)
			st, err := a.Store(t.Context(), s.Outgoing)
			if errors.Is(err, ErrNoContext) {
				t.Logf("storescp does not take %s in %s", uid.Name(s.SOPClass), uid.Name(s.TransferSyntax))
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", s.path, err)
			}
			if !st.OK() {
				t.Errorf("%s: %v", filepath.Base(s.path), st)
				continue
			}
			sent++
		}
		if err := a.Release(t.Context()); err != nil {
			t.Error(err)
		}
		compare(t, dir, all, sent)
	}
}

func hasProposal(all []Proposal, p Proposal) bool {
	for _, q := range all {
		if q.SOPClass == p.SOPClass && q.Syntaxes[0] == p.Syntaxes[0] {
			return true
		}
	}
	return false
}

// compare looks for each specimen's data set, byte for byte, in the files of dir.
func compare(t *testing.T, dir string, all []specimen, sent int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != sent || sent < 25 {
		t.Errorf("%d files were written, %d sent", len(files), sent)
	}
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		same := false
		for _, s := range all {
			same = same || bytes.HasSuffix(b, s.data) || bytes.HasSuffix(b, append(bytes.Clone(s.data), 0)) // padded
		}
		if !same {
			t.Errorf("%s is none of the data sets that were sent", file.Name())
		}
	}
}

func TestStorescpMisbehaves(t *testing.T) {
	for _, option := range []string{"--refuse", "--abort-after", "--abort-during"} {
		t.Run(option, func(t *testing.T) {
			addr, _ := storescp(t, option)
			a, err := Dial(t.Context(), addr, filled(Config{}))
			if option == "--refuse" {
				if _, ok := errors.AsType[*RejectionError](err); !ok {
					t.Errorf("dial: %v; want a rejection", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b := largeFile(t, 1<<20)
			f, err := dicom.Open(bytes.NewReader(b), int64(len(b)), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Store(t.Context(), Outgoing{SOPClass: uid.CTImageStorage, SOPInstance: uid.Must("1.2.3.4.5"), TransferSyntax: uid.ExplicitVRLittleEndian, Data: bytes.NewReader(b[f.Start:])})
			if fault.Of(err) != fault.Unavailable {
				t.Errorf("store: %v; want kind unavailable", err)
			}
			a.Abort()
		})
	}
}
