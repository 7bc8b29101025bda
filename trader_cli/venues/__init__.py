"""The real ends of a trading account: Kraken and Binance spot through ccxt. The only room that imports ccxt."""
