// Command putcc is the least a chaincode can do: function put writes its second argument
// under its first. make bench compares the contracts with it, on the same network. It is
// served as the package comment of network/fabric says.
package main

import (
	"log"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type chaincode struct{}

func (chaincode) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (chaincode) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	args := stub.GetArgs()
	if len(args) != 3 || string(args[0]) != "put" {
		return shim.Error("the one function is put, with a key and a value")
	}
	if err := stub.PutState(string(args[1]), args[2]); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	server := shim.ChaincodeServer{
		CCID: os.Getenv("CHAINCODE_ID"), Address: os.Getenv("CHAINCODE_SERVER_ADDRESS"), CC: chaincode{},
	}
	for variable, content := range map[string]*[]byte{
		"CHAINCODE_TLS_KEY":        &server.TLSProps.Key,
		"CHAINCODE_TLS_CERT":       &server.TLSProps.Cert,
		"CHAINCODE_CLIENT_CA_CERT": &server.TLSProps.ClientCACerts,
	} {
		var err error
		if *content, err = os.ReadFile(os.Getenv(variable)); err != nil {
			return err
		}
	}
	return server.Start()
}
