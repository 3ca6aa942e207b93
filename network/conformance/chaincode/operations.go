package chaincode

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type operation func(stub shim.ChaincodeStubInterface, step Step) (Result, error)

// operations, by Step.Op. Those that begin with "private" act on
// Step.Collection.
var operations = map[string]operation{
	"get": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return value(stub.GetState(s.Key))
	},
	"getAll": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return values(stub.GetMultipleStates(s.Keys...))
	},
	"put": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.PutState(s.Key, []byte(s.Value))
	},
	"putSize": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.PutState(s.Key, []byte(strings.Repeat("x", s.Size)))
	},
	"delete": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.DelState(s.Key)
	},
	// increment is the read-modify-write of every counter: it conflicts with
	// another one of the same key.
	"increment": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		old, err := stub.GetState(s.Key)
		if err != nil {
			return Result{}, err
		}
		count := 0
		if len(old) > 0 {
			if count, err = strconv.Atoi(string(old)); err != nil {
				return Result{}, err
			}
		}
		next := strconv.Itoa(count + 1)
		return Result{Found: true, Value: next}, stub.PutState(s.Key, []byte(next))
	},
	"startBatch": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		stub.StartWriteBatch()
		return Result{}, nil
	},
	"finishBatch": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		return Result{}, stub.FinishWriteBatch()
	},

	// range reads all rows, or the first Size of them.
	"range": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		iterator, err := stub.GetStateByRange(s.Key, s.End)
		return firstRows(s.Size, iterator, err)
	},
	"rangePage": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return page(stub.GetStateByRangeWithPagination(s.Key, s.End, int32(s.Size), s.Bookmark))
	},
	"query": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return rows(stub.GetQueryResult(s.Value))
	},
	"history": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return modifications(stub.GetHistoryForKey(s.Key))
	},
	"compositeKey": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		key, err := stub.CreateCompositeKey(s.Key, s.Keys)
		return Result{Found: true, Value: key}, err
	},
	"splitKey": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		kind, attributes, err := stub.SplitCompositeKey(s.Key)
		return Result{Found: true, Value: kind, Values: attributes}, err
	},
	"putComposite": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		key, err := stub.CreateCompositeKey(s.Key, s.Keys)
		if err != nil {
			return Result{}, err
		}
		return Result{}, stub.PutState(key, []byte(s.Value))
	},
	"composite": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return rows(stub.GetStateByPartialCompositeKey(s.Key, s.Keys))
	},
	"compositePage": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return page(stub.GetStateByPartialCompositeKeyWithPagination(s.Key, s.Keys, int32(s.Size), s.Bookmark))
	},
	"compositeAllPage": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return page(stub.GetAllStatesCompositeKeyWithPagination(int32(s.Size), s.Bookmark))
	},

	"setPolicy": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		policy, err := keyPolicy(s.Orgs)
		if err != nil {
			return Result{}, err
		}
		return Result{}, stub.SetStateValidationParameter(s.Key, policy)
	},
	"getPolicy": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return policyOrgs(stub.GetStateValidationParameter(s.Key))
	},

	"privateGet": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return value(stub.GetPrivateData(s.Collection, s.Key))
	},
	"privateGetAll": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return values(stub.GetMultiplePrivateData(s.Collection, s.Keys...))
	},
	"privateHash": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		hash, err := stub.GetPrivateDataHash(s.Collection, s.Key)
		return Result{Found: hash != nil, Value: hex.EncodeToString(hash)}, err
	},
	"privatePut": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.PutPrivateData(s.Collection, s.Key, []byte(s.Value))
	},
	// privatePutTransient writes what came under the name Value as transient
	// data: the way to keep a private value out of the block.
	"privatePutTransient": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		transient, err := stub.GetTransient()
		if err != nil {
			return Result{}, err
		}
		return Result{}, stub.PutPrivateData(s.Collection, s.Key, transient[s.Value])
	},
	"privateDelete": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.DelPrivateData(s.Collection, s.Key)
	},
	"privatePurge": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.PurgePrivateData(s.Collection, s.Key)
	},
	"privateRange": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return rows(stub.GetPrivateDataByRange(s.Collection, s.Key, s.End))
	},
	"privateComposite": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return rows(stub.GetPrivateDataByPartialCompositeKey(s.Collection, s.Key, s.Keys))
	},
	"privateQuery": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return rows(stub.GetPrivateDataQueryResult(s.Collection, s.Value))
	},
	"privateSetPolicy": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		policy, err := keyPolicy(s.Orgs)
		if err != nil {
			return Result{}, err
		}
		return Result{}, stub.SetPrivateDataValidationParameter(s.Collection, s.Key, policy)
	},
	"privateGetPolicy": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return policyOrgs(stub.GetPrivateDataValidationParameter(s.Collection, s.Key))
	},

	"event": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, stub.SetEvent(s.Key, []byte(s.Value))
	},
	"transient": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		transient, err := stub.GetTransient()
		content, found := transient[s.Key]
		return Result{Found: found, Value: string(content)}, err
	},
	// transientSize returns how much came under a name, without echoing it.
	"transientSize": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		transient, err := stub.GetTransient()
		content, found := transient[s.Key]
		return Result{Found: found, Value: strconv.Itoa(len(content))}, err
	},
	"fail": func(_ shim.ChaincodeStubInterface, s Step) (Result, error) {
		return Result{}, errors.New(s.Key)
	},
	"txid": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		return Result{Found: true, Value: stub.GetTxID()}, nil
	},
	"channel": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		return Result{Found: true, Value: stub.GetChannelID()}, nil
	},
	// time is the transaction's timestamp, nanoseconds since 1970.
	"time": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		stamp, err := stub.GetTxTimestamp()
		if err != nil {
			return Result{}, err
		}
		return Result{Found: true, Value: strconv.FormatInt(stamp.AsTime().UnixNano(), 10)}, nil
	},
	"binding": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		binding, err := stub.GetBinding()
		return Result{Found: true, Value: hex.EncodeToString(binding)}, err
	},
	"creator": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		msp, err := cid.GetMSPID(stub)
		if err != nil {
			return Result{}, err
		}
		certificate, err := cid.GetX509Certificate(stub)
		if err != nil {
			return Result{}, err
		}
		return Result{Found: true, Value: msp, Values: []string{certificate.Subject.CommonName}}, nil
	},
	// attribute is one of the creator's certificate.
	"attribute": func(stub shim.ChaincodeStubInterface, s Step) (Result, error) {
		content, found, err := cid.GetAttributeValue(stub, s.Key)
		return Result{Found: found, Value: content}, err
	},
	"signedProposal": func(stub shim.ChaincodeStubInterface, _ Step) (Result, error) {
		proposal, err := stub.GetSignedProposal()
		if err != nil {
			return Result{}, err
		}
		return Result{Found: true, Value: fmt.Sprint(len(proposal.GetSignature()) > 0)}, nil
	},
}

func value(content []byte, err error) (Result, error) {
	return Result{Found: content != nil, Value: string(content)}, err
}

func values(contents [][]byte, err error) (Result, error) {
	result := Result{Found: contents != nil}
	for _, content := range contents {
		result.Values = append(result.Values, string(content))
	}
	return result, err
}

func rows(iterator shim.StateQueryIteratorInterface, err error) (Result, error) {
	return firstRows(0, iterator, err)
}

// firstRows takes the first n rows, all of them when n is 0.
func firstRows(n int, iterator shim.StateQueryIteratorInterface, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	result := Result{Found: true}
	for (n == 0 || len(result.Rows) < n) && iterator.HasNext() {
		row, err := iterator.Next()
		if err != nil {
			return result, errors.Join(err, iterator.Close())
		}
		result.Rows = append(result.Rows, Row{Key: row.GetKey(), Value: string(row.GetValue())})
	}
	return result, iterator.Close()
}

func page(iterator shim.StateQueryIteratorInterface, metadata *peer.QueryResponseMetadata, err error) (Result, error) {
	result, err := rows(iterator, err)
	result.Bookmark = metadata.GetBookmark()
	result.Fetched = int(metadata.GetFetchedRecordsCount())
	return result, err
}

func modifications(iterator shim.HistoryQueryIteratorInterface, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	result := Result{Found: true}
	for iterator.HasNext() {
		change, err := iterator.Next()
		if err != nil {
			return result, errors.Join(err, iterator.Close())
		}
		result.History = append(result.History, Modification{
			TxID:    change.GetTxId(),
			Value:   string(change.GetValue()),
			Deleted: change.GetIsDelete(),
			Seconds: change.GetTimestamp().GetSeconds(),
		})
	}
	return result, iterator.Close()
}

// keyPolicy asks for a peer of every one of the organisations; none of them
// means no policy.
func keyPolicy(orgs []string) ([]byte, error) {
	if len(orgs) == 0 {
		return nil, nil
	}
	policy, err := statebased.NewStateEP(nil)
	if err != nil {
		return nil, err
	}
	if err := policy.AddOrgs(statebased.RoleTypePeer, orgs...); err != nil {
		return nil, err
	}
	return policy.Policy()
}

// policyOrgs lists who a key policy names, sorted.
func policyOrgs(policy []byte, err error) (Result, error) {
	if err != nil || policy == nil {
		return Result{}, err
	}
	parsed, err := statebased.NewStateEP(policy)
	if err != nil {
		return Result{}, err
	}
	orgs := parsed.ListOrgs()
	slices.Sort(orgs)
	return Result{Found: true, Values: orgs}, nil
}
