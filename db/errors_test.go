package db

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"radagora/fault"
)

// A server that dies says nothing: its connections end in the middle of an answer.
func TestLostConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"in the middle of an answer", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), fault.Unavailable},
		{"before one", io.EOF, fault.Unavailable},
		{"closed by us", net.ErrClosed, fault.Unavailable},
		{"nobody knows", errors.New("?"), fault.Internal},
	} {
		if got := fault.Of(classify(c.err)); got != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
}
