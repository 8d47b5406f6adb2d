/// A terminal description for 24-bit colour, carried in the program.
///
/// Debian's base package has no `*-direct` entries, so ncurses could not be told to send 24-bit
/// colours. This one is xterm-256color without its keys (we decode input ourselves), its alternate
/// character set, status reports and palette changes, with direct `setaf`/`setab`: a colour number
/// is its RGB value, but 0 to 7 stay palette colours. Every terminal that announces 24-bit colour
/// follows xterm in what is left. ncurses reads it from `TERMINFO=b64:…`.
///
/// Made by `infocmp -x xterm-256color`, edited as said, `tic -x`, `base64`; its source:
/// ```
/// sluice-direct|24-bit colour for the console,
///   am,
///   bce,
///   msgr,
///   xenl,
///   cols#80,
///   it#8,
///   lines#24,
///   pairs#0x10000,
///   bold=\E[1m,
///   cbt=\E[Z,
///   civis=\E[?25l,
///   clear=\E[H\E[2J,
///   cnorm=\E[?12l\E[?25h,
///   cr=\r,
///   csr=\E[%i%p1%d;%p2%dr,
///   cub=\E[%p1%dD,
///   cub1=^H,
///   cud=\E[%p1%dB,
///   cud1=\n,
///   cuf=\E[%p1%dC,
///   cuf1=\E[C,
///   cup=\E[%i%p1%d;%p2%dH,
///   cuu=\E[%p1%dA,
///   cuu1=\E[A,
///   dch=\E[%p1%dP,
///   dch1=\E[P,
///   dim=\E[2m,
///   dl=\E[%p1%dM,
///   dl1=\E[M,
///   ech=\E[%p1%dX,
///   ed=\E[J,
///   el=\E[K,
///   el1=\E[1K,
///   home=\E[H,
///   hpa=\E[%i%p1%dG,
///   ht=^I,
///   ich=\E[%p1%d@,
///   il=\E[%p1%dL,
///   il1=\E[L,
///   ind=\n,
///   indn=\E[%p1%dS,
///   nel=\EE,
///   op=\E[39;49m,
///   rc=\E8,
///   rev=\E[7m,
///   ri=\EM,
///   rin=\E[%p1%dT,
///   ritm=\E[23m,
///   rmcup=\E[?1049l\E[23;0;0t,
///   rmso=\E[27m,
///   rmul=\E[24m,
///   sc=\E7,
///   sitm=\E[3m,
///   smcup=\E[?1049h\E[22;0;0t,
///   smso=\E[7m,
///   smul=\E[4m,
///   vpa=\E[%i%p1%dd,
///   RGB,
///   colors#0x1000000,
///   sgr0=\E[m,
///   sgr=\E[0%?%p6%t;1%;%?%p5%t;2%;%?%p2%t;4%;%?%p1%p3%|%t;7%;m,
///   setaf=\E[%?%p1%{8}%<%t3%p1%d%e38;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m,
///   setab=\E[%?%p1%{8}%<%t4%p1%d%e48;2;%p1%{65536}%/%d;%p1%{256}%/%{255}%&%d;%p1%{255}%&%d%;m,
/// ```
enum TruecolourTerminfo {
  /// The name to give as `TERM`.
  static let name = "sluice-direct"

  /// The compiled entry in base 64.
  static let base64 = """
    HgIsAB0ADwBpATMCc2x1aWNlLWRpcmVjdHwyNC1iaXQgY29sb3VyIGZvciB0aGUgY29uc29sZQAAAQAAAQAAAAAA\
    AAAAAAEAAAAAAAAAAAAAAAAAAQBQAAAACAAAABgAAAD/////////////////////////////////////////////\
    ////////AAAAAQAAAQAAAP//BAAGAP//FwAfACMAJwD//zIAQwBFAEkAUAD//1IAXwD//2MA//9nAGsA////////\
    //9vAHQA//+GAP///////4sAkACVAJoA//+jAKcA/////7kAvwD/////////////////////xQD/////////////\
    ////////////////////////////////////////////////////////////////////////////////////////\
    /////////////////////////////8kA///MANUA3gDnAPAA+QACAQsBFAEdAf//////////////////////////\
    //8mASkBNAE3ATkBPAH/////cgH/////////////////////////////////////////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////////////\
    ////////////////////////////////////////////////////////////////////////////////////////\
    ////////////////////////////////dAH/////////////////////////////////////////////////////\
    //////////////////95Af//////////////////////////////////ggH///////////////////////+HAf//\
    ////////////////////////////////////////////////////////////////////////////////////////\
    ////////jQHgARtbWgANABtbJWklcDElZDslcDIlZHIAG1tIG1sySgAbW0sAG1tKABtbJWklcDElZEcAG1slaSVw\
    MSVkOyVwMiVkSAAKABtbSAAbWz8yNWwACAAbWz8xMmwbWz8yNWgAG1tDABtbQQAbW1AAG1tNABtbMW0AG1s/MTA0\
    OWgbWzIyOzA7MHQAG1sybQAbWzdtABtbN20AG1s0bQAbWyVwMSVkWAAbW20AG1s/MTA0OWwbWzIzOzA7MHQAG1sy\
    N20AG1syNG0AG1tMABtFABtbJXAxJWRQABtbJXAxJWRNABtbJXAxJWRCABtbJXAxJWRAABtbJXAxJWRTABtbJXAx\
    JWRMABtbJXAxJWREABtbJXAxJWRDABtbJXAxJWRUABtbJXAxJWRBABs4ABtbJWklcDElZGQAGzcACgAbTQAbWzAl\
    PyVwNiV0OzElOyU/JXA1JXQ7MiU7JT8lcDIldDs0JTslPyVwMSVwMyV8JXQ7NyU7bQAJABtbMUsAG1szOTs0OW0A\
    G1szbQAbWzIzbQAbWyU/JXAxJXs4fSU8JXQzJXAxJWQlZTM4OzI7JXAxJXs2NTUzNn0lLyVkOyVwMSV7MjU2fSUv\
    JXsyNTV9JSYlZDslcDElezI1NX0lJiVkJTttABtbJT8lcDElezh9JTwldDQlcDElZCVlNDg7MjslcDElezY1NTM2\
    fSUvJWQ7JXAxJXsyNTZ9JS8lezI1NX0lJiVkOyVwMSV7MjU1fSUmJWQlO20AAAEAAAAAAAEABAABAAAAUkdCAA==
    """
}
