/* See ledger.h. */
#include "ledger.h"

ledger_account ledger_open(void) {
  ledger_account account = {0};
  return account;
}

int ledger_post(ledger_account* account, long amount) {
  if (account->balance + amount < 0) {
    return -1;
  }
  account->balance += amount;
  return 0;
}

long ledger_balance(const ledger_account* account) { return account->balance; }
