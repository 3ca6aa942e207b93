package fabric

import (
	"errors"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestTransient: what a settling or overloaded network answers is asked again within the
// caller's time; what it will always answer is not.
func TestTransient(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.FailedPrecondition, codes.Aborted, codes.DeadlineExceeded} {
		require.True(t, transient(status.Error(code, "")), code)
	}
	require.True(t, transient(&client.CommitError{Code: peer.TxValidationCode_MVCC_READ_CONFLICT}))
	for _, err := range []error{
		errors.New("no such file"), status.Error(codes.PermissionDenied, ""), status.Error(codes.InvalidArgument, ""),
		&client.CommitError{Code: peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
	} {
		require.False(t, transient(err), err)
	}
}
