package embedded

import (
	"fmt"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"traceledger/network/block"
)

// qsccName is the system chaincode that answers questions about the chain.
const qsccName = "qscc"

// query answers a call of qscc: function, channel, argument.
func (e *endorser) query(args [][]byte) *peer.Response {
	if len(args) < 2 {
		return shim.Error(fmt.Sprintf("Incorrect number of arguments, %d", len(args)))
	}
	function, channel := string(args[0]), string(args[1])
	if function != "GetChainInfo" && len(args) < 3 {
		return shim.Error(fmt.Sprintf("missing 3rd argument for %s", function))
	}
	if channel != e.channel {
		return shim.Error(fmt.Sprintf("Invalid chain ID, %s", channel))
	}
	v := e.store.view()
	defer v.release()
	switch function {
	case "GetChainInfo":
		return e.chainInfo(v)
	case "GetBlockByNumber":
		number, err := strconv.ParseUint(string(args[2]), 10, 64)
		if err != nil {
			return shim.Error(fmt.Sprintf("Failed to parse block number with error %s", err))
		}
		b, err := v.block(number)
		if err == nil && b == nil {
			err = fmt.Errorf("no such block number [%d] in index", number)
		}
		return answer(b, err, fmt.Sprintf("Failed to get block number %d", number))
	case "GetBlockByTxID":
		id := string(args[2])
		place, err := v.find(id)
		if err != nil {
			return shim.Error(fmt.Sprintf("Failed to get block for txID %s, error %s", id, err))
		}
		b, err := v.block(place.block)
		return answer(b, err, "Failed to get block for txID "+id)
	case "GetTransactionByID":
		id := string(args[2])
		place, err := v.find(id)
		if err != nil {
			return shim.Error(fmt.Sprintf("Failed to get transaction with id %s, error %s", id, err))
		}
		raw, err := v.envelope(place.block, place.index)
		envelope := &common.Envelope{}
		if err == nil {
			err = proto.Unmarshal(raw, envelope)
		}
		return answer(&peer.ProcessedTransaction{
			TransactionEnvelope: envelope,
			ValidationCode:      int32(place.code),
		}, err, "Failed to get transaction with id "+id)
	default:
		return shim.Error(fmt.Sprintf("Requested function %s not found.", function))
	}
}

// find is place for an id that must be there.
func (v *view) find(id string) (*place, error) {
	p, err := v.place(id)
	if err == nil && p == nil {
		err = fmt.Errorf("no such transaction ID [%s] in index", id)
	}
	return p, err
}

func (e *endorser) chainInfo(v *view) *peer.Response {
	last, err := v.block(v.height - 1)
	if err != nil {
		return shim.Error(fmt.Sprintf("Failed to get block info with error %s", err))
	}
	return answer(&common.BlockchainInfo{
		Height:            v.height,
		CurrentBlockHash:  block.HeaderHash(last.GetHeader()),
		PreviousBlockHash: last.GetHeader().GetPreviousHash(),
	}, nil, "")
}

func answer(m proto.Message, err error, failure string) *peer.Response {
	if err != nil {
		return shim.Error(fmt.Sprintf("%s, error %s", failure, err))
	}
	raw, err := proto.Marshal(m)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(raw)
}
