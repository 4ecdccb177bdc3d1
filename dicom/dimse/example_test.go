package dimse_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"radagora/dicom/dimse"
	"radagora/dicom/uid"
)

// counter is a Storer that keeps nothing.
type counter struct{}

func (counter) Store(_ context.Context, in *dimse.Incoming) (func(context.Context) error, error) {
	n, err := io.Copy(io.Discard, in.Data)
	fmt.Printf("%s stored %d bytes of %s\n", in.Peer.CallingAE, n, uid.Name(in.SOPClass))
	return nil, err
}

// A server and a peer in one program.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &dimse.Server{AETitle: "ARCHIVE", Now: time.Now, Store: counter{}}
	go func() { _ = server.Serve(ctx, l) }()

	a, err := dimse.Dial(ctx, l.Addr().String(), dimse.Config{
		Calling: "CT1", Called: "ARCHIVE", Now: time.Now,
		Propose: []dimse.Proposal{{SOPClass: uid.CTImageStorage, Syntaxes: []uid.UID{uid.ExplicitVRLittleEndian}}},
	})
	if err != nil {
		panic(err)
	}
	status, err := a.Store(ctx, dimse.Outgoing{
		SOPClass: uid.CTImageStorage, SOPInstance: uid.Must("1.2.3"),
		TransferSyntax: uid.ExplicitVRLittleEndian, Data: strings.NewReader("a data set"),
	})
	fmt.Println(status, err)
	fmt.Println(a.Release(ctx))
	// Output:
	// CT1 stored 10 bytes of CT Image Storage
	// 0000H success <nil>
	// <nil>
}
